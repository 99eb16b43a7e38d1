import { expect, test } from 'vitest';
import { bodyState, captureMissing } from '../../../src/dashboard/app/pages/request/availability.ts';
import type { RequestRecord } from '../../../src/dashboard/app/pages/request/record.ts';
import { msBetween, spansOf, tokensPerSecond } from '../../../src/dashboard/app/pages/request/timing.ts';
import { costUnknown, troubleOf } from '../../../src/dashboard/app/pages/request/words.ts';

const RECEIVED = '2026-11-28T10:00:00.000500Z';
const zero = Date.parse('2026-11-28T10:00:00.000Z') + 0.5;

const record: RequestRecord = {
  id: '0198c0de-0000-7000-8000-000000000000',
  received_at: RECEIVED,
  first_byte_at: '2026-11-28T10:00:00.400500Z',
  ended_at: '2026-11-28T10:00:02.400500Z',
  login: 'ada@example.com',
  node_name: '',
  groups: [],
  agent: '',
  client_version: '',
  provider: 'p',
  model: 'm',
  model_served: null,
  api: 'openai_chat',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 200,
  stream: true,
  state: 'complete',
  denied_by: null,
  usage: { output: 90, reasoning: 10, input_uncached: 5 },
  usage_state: 'final',
  usage_flags: [],
  cost_nanodollars: '1',
  cost_basis: null,
  price_version: null,
  service_tier: null,
  session_id: '',
  stop_reason: null,
  attempts: [
    { provider: 'p', started_at_ms: zero + 10, outcome: 'connect_failed' },
    { provider: 'q', started_at_ms: zero + 100, outcome: '200' },
  ],
  edits: [],
  verdicts: [],
  grant_ids: [],
  quota_charges: [],
  config_version: '1',
  request_bytes: 1,
  response_bytes: 1,
  request_sha256: null,
  response_sha256: null,
  provider_request_id: null,
  response_id: null,
  error: null,
  booked: null,
  amendments: [],
  capture: null,
};
const verdict = {
  rule: 'pii',
  type: 'builtin',
  side: 'request',
  action: 'block',
  shadow: false,
  at_ms: zero + 2,
  took_ms: 5,
  scanned_chars: 3,
  counts: {},
  error: null,
};

test('what came after what: each attempt until the next, the last until the first byte', () => {
  const spans = spansOf({ ...record, verdicts: [verdict] });
  expect(spans.map(({ key, fromMs, toMs }) => [key, Math.round(fromMs), Math.round(toMs)])).toEqual([
    ['gateway', 0, 10],
    ['request-rule-0', 2, 7],
    ['attempt-0', 10, 100],
    ['attempt-1', 100, 400],
    ['response', 400, 2400],
  ]);
  const refused = { ...record, attempts: [], first_byte_at: null, ended_at: '2026-11-28T10:00:00.003500Z' };
  expect(spansOf(refused).map(({ key, toMs }) => [key, Math.round(toMs)])).toEqual([['gateway', 3]]);
});

test('microseconds count, and a clock that went back does not', () => {
  expect(msBetween(RECEIVED, '2026-11-28T10:00:01.123456Z').toFixed(3)).toBe('1122.956');
  expect(msBetween(RECEIVED, '2026-11-28T09:00:00Z')).toBe(0);
});

test('tokens a second are those that came while it came', () => {
  expect(tokensPerSecond(record)).toBe(50);
  expect(tokensPerSecond({ ...record, stream: false })).toBeNull();
  expect(tokensPerSecond({ ...record, usage: null })).toBeNull();
});

test('why there is nothing to see', () => {
  const ended = Date.parse(record.ended_at);
  const title = (login: string, read_captures: boolean, afterMs: number) =>
    captureMissing(record, { login, read_captures }, ended + afterMs).title;
  expect(title('ada@example.com', false, 1_000)).toBe('Not stored yet');
  expect(title('ada@example.com', false, 100_000)).toBe('Nothing was kept');
  expect(title('eve@example.com', true, 100_000)).toBe('Nothing was kept');
  expect(title('eve@example.com', false, 1_000)).toBe('What was said is not for you');

  const capture = { request_headers: [], response_headers: [], request: null, response: null, missing_frames: 0 };
  const state = (over: Partial<RequestRecord>) => {
    const found = bodyState({ ...record, capture, ...over }, 'response', { login: 'x', read_captures: true }, ended);
    return found.at === 'missing' ? found.title : found.path;
  };
  expect(state({})).toBe('No response');
  expect(state({ capture: { ...capture, response: { bytes: 9, left_out: 'binary' } } })).toBe('Not kept');
  expect(state({ capture: { ...capture, response: { bytes: 70_000_000, left_out: null } } })).toBe(
    'Too large for a page',
  );
  expect(state({ capture: { ...capture, response: { bytes: 9, left_out: null } } })).toBe(
    `/api/requests/${record.id}/body?side=response`,
  );
});

test('trouble in words', () => {
  expect(troubleOf(record)).toBeUndefined();
  expect(troubleOf({ ...record, state: 'blocked', verdicts: [verdict] })).toBe('Refused by the guardrail pii.');
  expect(troubleOf({ ...record, state: 'denied', denied_by: 'quota' })).toBe('Refused by quota.');
  expect(troubleOf({ ...record, state: 'error', error: { code: 'x', message: 'Overloaded' } })).toBe('Overloaded');
  expect(costUnknown(['cost_unknown:model_unknown'])).toBe('no list has this model');
  expect(costUnknown([])).toBe('no tokens were told');
});
