import { z } from 'zod';
import type { Delivery } from '../../contract/delivery.ts';
import { unreachable } from '../../lib/result.ts';

/** A delivery as the formats see it: its payload read, and what it is about. */
export interface SiemEvent {
  id: string;
  sequence: number;
  kind: string;
  /** When it happened. */
  atMs: number;
  subject: Subject;
  /** The payload as it stands, for what a format has no word of its own for. */
  data: Readonly<Record<string, unknown>>;
}

export type Subject =
  | { about: 'request'; request: RequestTold }
  | { about: 'verdict'; found: VerdictTold }
  | { about: 'quota'; quota: QuotaTold }
  | { about: 'config'; config: ConfigTold }
  | { about: 'token'; token: TokenTold }
  | { about: 'kill_switch'; entry: KillSwitchTold }
  /** Of a kind that this build does not know, or not as it knows it: told as it is. */
  | { about: 'something' };

const text = z.string().catch('');
const maybe = z.string().nullable().catch(null);
const texts = z.array(z.string()).catch([]);
const count = z.number().catch(0);

/** `closedEvent` writes it. What it left out for its size is empty. */
const RequestTold = z.object({
  id: z.string(),
  state: z.string(),
  status: z.number(),
  received_at: maybe,
  ended_at: maybe,
  denied_by: maybe,
  error: maybe,
  login: text,
  node_id: text,
  node_name: text,
  groups: texts,
  identity_source: text,
  agent: text,
  user_agent: text,
  provider: text,
  model: text,
  api: text,
  method: text,
  path: text,
  cost_nanodollars: maybe,
  usage: z.record(z.string(), z.number()).nullable().catch(null),
  session_id: text,
  request_bytes: count,
  response_bytes: count,
});
export type RequestTold = z.output<typeof RequestTold>;

/** `verdictEvents` writes it. */
const VerdictTold = z.object({
  request_id: z.string(),
  at: z.string(),
  state: text,
  status: count,
  login: text,
  node_id: text,
  node_name: text,
  groups: texts,
  agent: text,
  provider: text,
  model: text,
  api: text,
  session_id: text,
  verdict: z.object({
    rule: z.string(),
    type: text,
    side: z.string(),
    action: z.string(),
    shadow: z.boolean().catch(false),
    counts: z.record(z.string(), z.number()).catch({}),
    error: maybe,
  }),
});
export type VerdictTold = z.output<typeof VerdictTold>;

const QuotaTold = z.object({
  quota: z.string(),
  bucket: z.string(),
  spent_percent: z.number(),
  balance_nanodollars: z.string(),
  capacity_nanodollars: z.string(),
  at: z.string(),
});
export type QuotaTold = z.output<typeof QuotaTold>;

const ConfigTold = z.object({
  number: z.number(),
  hash: z.string(),
  previous_hash: z.string().nullable(),
  by: z.string(),
  note: z.string(),
  at: z.string(),
});
export type ConfigTold = z.output<typeof ConfigTold>;

const TokenTold = z.object({
  token_id: z.string(),
  name: z.string(),
  login: z.string(),
  tags: z.array(z.string()),
  by: z.string(),
  at: z.string(),
  expires_at: z.string().nullable(),
});
export type TokenTold = z.output<typeof TokenTold>;

const KillSwitchTold = z.object({
  change: z.enum(['set', 'lifted']),
  id: z.string(),
  kind: z.string(),
  value: z.string(),
  reason: z.string(),
  by: z.string(),
  at: z.string(),
  until: z.string().nullable(),
});
export type KillSwitchTold = z.output<typeof KillSwitchTold>;

const Data = z.record(z.string(), z.unknown());

/** Never throws on JSON: what is not as it should be is told as it is. */
export function readEvent({ id, sequence, kind, payload, createdAtMs }: Delivery): SiemEvent {
  const parsed: unknown = JSON.parse(payload);
  const read = Data.safeParse(parsed);
  const data = read.success ? read.data : { value: parsed };
  const subject = subjectOf(kind, data);
  return { id, sequence, kind, atMs: atMsOf(subject) ?? createdAtMs, subject, data };
}

function subjectOf(kind: string, data: unknown): Subject {
  const something: Subject = { about: 'something' };
  switch (kind) {
    case 'request.closed':
    case 'request.denied': {
      const { data: request } = RequestTold.safeParse(data);
      return request === undefined ? something : { about: 'request', request };
    }
    case 'guardrail.verdict': {
      const { data: found } = VerdictTold.safeParse(data);
      return found === undefined ? something : { about: 'verdict', found };
    }
    case 'quota.crossed': {
      const { data: quota } = QuotaTold.safeParse(data);
      return quota === undefined ? something : { about: 'quota', quota };
    }
    case 'config.changed': {
      const { data: config } = ConfigTold.safeParse(data);
      return config === undefined ? something : { about: 'config', config };
    }
    case 'token.created':
    case 'token.revoked': {
      const { data: token } = TokenTold.safeParse(data);
      return token === undefined ? something : { about: 'token', token };
    }
    case 'kill_switch': {
      const { data: entry } = KillSwitchTold.safeParse(data);
      return entry === undefined ? something : { about: 'kill_switch', entry };
    }
    default:
      return something;
  }
}

function atMsOf(subject: Subject): number | undefined {
  const ms = Date.parse(timeTextOf(subject));
  return Number.isFinite(ms) ? ms : undefined;
}

function timeTextOf(subject: Subject): string {
  switch (subject.about) {
    case 'request':
      return subject.request.ended_at ?? '';
    case 'verdict':
      return subject.found.at;
    case 'quota':
      return subject.quota.at;
    case 'config':
      return subject.config.at;
    case 'token':
      return subject.token.at;
    case 'kill_switch':
      return subject.entry.at;
    case 'something':
      return '';
    default:
      return unreachable(subject);
  }
}

/** Milliseconds from the request's first byte to its end; undefined where the event does not say. */
export function tookMsOf({ received_at, ended_at }: RequestTold): number | undefined {
  const ms = Date.parse(ended_at ?? '') - Date.parse(received_at ?? '');
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/** Members of an object without those that a format has put elsewhere. */
export function without(data: Readonly<Record<string, unknown>>, placed: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([name]) => !placed.includes(name)));
}
