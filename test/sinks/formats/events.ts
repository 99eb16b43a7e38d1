import type { Delivery } from '../../../src/contract/delivery.ts';
import type { ConfigChanged, KillSwitchEvent, QuotaCrossed, TokenEvent } from '../../../src/contract/event.ts';
import type { Verdict } from '../../../src/contract/guardrail.ts';
import type { ExchangeRecord } from '../../../src/contract/record.ts';
import { recordEventsFor } from '../../../src/sinks/record-events.ts';
import { aRecord, TEST_TIME_MS } from '../../support/records.ts';

const FILTER = { logins: [], groups: [], models: [], providers: [], states: [] };
const EXCHANGE = '019ab0c5-8c03-7000-8123-456789abcdef';
export const AT = '2026-11-23T10:20:31.000Z';

const VERDICT: Verdict = {
  rule: 'no-cards',
  type: 'personal_data',
  side: 'request',
  action: 'block',
  shadow: false,
  at_ms: Date.parse(AT),
  took_ms: 1.5,
  scanned_chars: 120,
  scanned: ['user'],
  counts: { card: 1 },
  matches: ['00112233aabbccdd'],
  untouched: 0,
  error: null,
};

const QUOTA: QuotaCrossed = {
  quota: 'daily',
  bucket: 'daily:alice@example.com',
  spent_percent: 95,
  balance_nanodollars: '250000000',
  capacity_nanodollars: '5000000000',
  at: AT,
};
const CONFIG: ConfigChanged = {
  number: 12,
  hash: '9f86d081884c7d65',
  previous_hash: '60303ae22b998861',
  by: 'admin@example.com',
  note: 'rotate the key of openai',
  at: AT,
};
const TOKEN: TokenEvent = {
  token_id: '019ab0c5-0000-7000-8000-0000000000aa',
  name: 'ci',
  login: 'token:ci',
  tags: ['tag:ci'],
  by: 'admin@example.com',
  at: AT,
  expires_at: '2027-01-01T00:00:00.000Z',
};
const KILL_SWITCH: KillSwitchEvent = {
  change: 'set',
  id: '019ab0c5-0000-7000-8000-0000000000bb',
  kind: 'login',
  value: 'mallory@example.com',
  reason: 'laptop stolen',
  by: 'admin@example.com',
  at: AT,
  until: null,
};

let sequence = 0;

export function delivery(kind: string, data: unknown, change: Partial<Delivery> = {}): Delivery {
  sequence += 1;
  return {
    id: `019ab0c5-9000-7000-8000-${String(sequence).padStart(12, '0')}`,
    destination: 'webhooks.siem',
    sequence,
    kind,
    payload: typeof data === 'string' ? data : JSON.stringify(data),
    attempts: 0,
    rejections: 0,
    createdAtMs: Math.floor(TEST_TIME_MS) + 2_000,
    ...change,
  };
}

/** As the jobs thread makes them of a record. */
export function ofRecord(kind: string, change: Partial<ExchangeRecord> = {}): Delivery {
  const told = [{ destination: 'webhooks.siem', events: [kind], filter: FILTER }];
  const [made] = recordEventsFor(told)([aRecord({ id: EXCHANGE, ...change })]);
  if (made === undefined) throw new Error(`this record causes no ${kind}`);
  return delivery(kind, made.payload);
}

/** One of each kind, with ordinary contents. */
export function oneOfEach(): Delivery[] {
  sequence = 0;
  const denied = {
    state: 'denied',
    status: 403,
    denied_by: 'grant',
    provider: '',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
    response_sha256: null,
  } as const;
  return [
    ofRecord('request.closed'),
    ofRecord('request.denied', denied),
    ofRecord('guardrail.verdict', { state: 'blocked', status: 400, verdicts: [VERDICT] }),
    delivery('quota.crossed', QUOTA),
    delivery('config.changed', CONFIG),
    delivery('token.created', TOKEN),
    delivery('token.revoked', TOKEN),
    delivery('kill_switch', KILL_SWITCH),
    delivery('kill_switch', { ...KILL_SWITCH, change: 'lifted', reason: '' }),
  ];
}

/** Events that lack what they usually have: of another build, cut for their size, or with nothing in their fields. */
export function odd(): Delivery[] {
  const empty: Partial<ExchangeRecord> = {
    login: '',
    node_id: '',
    node_name: '',
    agent: '',
    user_agent: '',
    provider: '',
    model: '',
    session_id: '',
    method: '',
    path: '',
    groups: [],
    status: 0,
    state: 'aborted',
  };
  return [
    ofRecord('request.closed', empty),
    ofRecord('request.closed', { user_agent: 'x'.repeat(70_000) }),
    ofRecord('guardrail.verdict', {
      ...empty,
      verdicts: [{ ...VERDICT, type: '', action: 'error', error: 'no JSON' }],
    }),
    ofRecord('guardrail.verdict', { user_agent: 'x', node_name: 'n'.repeat(70_000), verdicts: [VERDICT] }),
    delivery('config.changed', { ...CONFIG, previous_hash: null, note: '' }),
    delivery('token.created', { ...TOKEN, tags: [], expires_at: null }),
    delivery('quota.crossed', { ...QUOTA, spent_percent: 'many' }),
    delivery('session.opened', { session: 's-1' }),
    delivery('session.opened', ['s-1']),
  ];
}

/** A record whose strings were chosen by somebody who means harm. */
export function hostile(text: string): Delivery[] {
  return [
    ofRecord('request.closed', { login: text, user_agent: text, model: text, path: text, node_name: text }),
    delivery('config.changed', { ...CONFIG, note: text, by: text }),
    delivery('kill_switch', { ...KILL_SWITCH, reason: text, value: text }),
    delivery('token.created', { ...TOKEN, name: text, tags: [text, text] }),
  ];
}
