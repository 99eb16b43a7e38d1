import { z } from 'zod';
import { APIS } from '../contract/api.ts';
import { BatchRead } from '../contract/batch.ts';
import type { Closed, Opened } from '../contract/exchange.ts';
import { SEND_FIELDS } from '../contract/guardrail.ts';
import type { PostHook } from '../contract/guardrail.ts';
import { parseExchangeId } from '../contract/ids.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import { VerdictNote } from '../contract/record.ts';
import { ResourceNote } from '../contract/resource.ts';
import type { ResponseHeadNote } from './segment.ts';

/*
 * The JSON frames as they are read back. They may have been written by the build before: a field that is added to the
 * contract needs a default here.
 */

const Id = z.custom<ExchangeId>((value) => typeof value === 'string' && parseExchangeId(value) !== undefined);
const Headers = z.array(z.tuple([z.string(), z.string()]));

const Quota = z.object({ current: z.number(), capacity: z.number(), rate: z.string() });
const PostHookNote: z.ZodType<PostHook> = z.object({
  name: z.string(),
  events: z.array(z.enum(['entire_request', 'tool_call_entire_request'])),
  send: z.array(z.enum(SEND_FIELDS)),
  tailnet: z.string(),
  grants: z.record(z.string(), z.array(z.unknown())).nullable(),
  quotas: z.record(z.string(), Quota).nullable(),
});

const OpenedNote: z.ZodType<Opened> = z.object({
  id: Id,
  received_at_ms: z.number(),
  login: z.string(),
  node_id: z.string(),
  node_name: z.string(),
  tags: z.array(z.string()),
  groups: z.array(z.string()),
  identity_source: z.enum(['loopback', 'tailscale', 'proxy_headers', 'token', 'oidc']),
  user_agent: z.string(),
  agent: z.string(),
  client_version: z.string(),
  api: z.enum(APIS),
  method: z.string(),
  path: z.string(),
  stream: z.boolean().default(false),
  request_headers: Headers,
  model: z.string(),
  provider: z.string(),
  key_id: z.string(),
  grant_ids: z.array(z.string()),
  quotas: z.array(z.array(z.string())).default([]),
  // Of a newer build, which tells more of them: without these it is an exchange still.
  hooks: z.array(PostHookNote).default([]).catch([]),
  verdicts: z.array(VerdictNote).catch([]).exactOptional(),
  results: BatchRead.exactOptional(),
  config_version: z.string(),
  world: z.number(),
});

const ClosedNote: z.ZodType<Closed> = z.object({
  state: z.enum(['complete', 'aborted', 'error', 'denied', 'blocked', 'interrupted']),
  ended_at_ms: z.number(),
  first_byte_at_ms: z.number().nullable(),
  status: z.number(),
  denied_by: z.string().nullable(),
  attempts: z.array(z.object({ provider: z.string(), started_at_ms: z.number(), outcome: z.string() })),
  edits: z.array(
    z.object({
      kind: z.enum([
        'inject_usage',
        'drop_usage_event',
        'model_name',
        'content_encoding',
        'rule',
        'list_filter',
        'own_url',
        'whole_results',
      ]),
      side: z.enum(['request', 'response']),
      detail: z.string(),
    }),
  ),
  verdicts: z.array(VerdictNote).catch([]).exactOptional(),
  request_bytes: z.number(),
  response_bytes: z.number(),
  // No record depends on it.
  response_pace: z.array(z.number()).catch([]).exactOptional(),
  provider_request_id: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  // The process's own file has them too (`resources/holdings-file.ts`).
  resources: z.array(ResourceNote).catch([]).exactOptional(),
});

/** What a capture needs of an end: the rest of it takes five times as long to check as this. */
const PaceNote = z.object({ response_pace: z.array(z.number()).default([]).catch([]) });

const ChargedNote: z.ZodType<Charged> = z.object({
  life: z.string(),
  charges: z.array(z.object({ bucket: z.string(), nanodollars: z.number() })),
  spent: z.record(z.string(), z.number()),
});

const HeadNote: z.ZodType<ResponseHeadNote> = z.object({ status: z.number(), headers: Headers });

function read<T>(schema: z.ZodType<T>, payload: Buffer): T | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined; // the check sum was right, so another build wrote it so: the caller counts it as unreadable
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** Each is undefined where the payload is not what this build understands. */
export function readOpened(payload: Buffer): Opened | undefined {
  return read(OpenedNote, payload);
}
export function readClosed(payload: Buffer): Closed | undefined {
  return read(ClosedNote, payload);
}
/** Of a `closed` note; empty where it tells none. */
export function readPace(payload: Buffer): number[] {
  return read(PaceNote, payload)?.response_pace ?? [];
}
export function readCharged(payload: Buffer): Charged | undefined {
  return read(ChargedNote, payload);
}
export function readResponseHead(payload: Buffer): ResponseHeadNote | undefined {
  return read(HeadNote, payload);
}
