import { expect, test } from 'vitest';
import type { Verdict } from '../../src/contract/guardrail.ts';
import type { RecordFilter } from '../../src/contract/delivery.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { recordEventsFor } from '../../src/sinks/record-events.ts';
import { aRecord } from '../support/records.ts';

const ALL: RecordFilter = { logins: [], groups: [], models: [], providers: [], states: [] };

const verdict = (change: Partial<Verdict>): Verdict => ({
  rule: 'no-cards',
  type: 'personal_data',
  side: 'request',
  action: 'block',
  shadow: false,
  at_ms: Date.UTC(2026, 10, 23, 10, 20, 31),
  took_ms: 1.5,
  scanned_chars: 120,
  scanned: ['user'],
  counts: { card: 1 },
  matches: ['00112233aabbccdd'],
  untouched: 0,
  error: null,
  ...change,
});

/** Kinds that a destination is told of a record. */
function kinds(record: ExchangeRecord, events: string[], filter: Partial<RecordFilter> = {}): string[] {
  const told = [{ destination: 'webhooks.siem', events, filter: { ...ALL, ...filter } }];
  return recordEventsFor(told)([record]).map(({ kind }) => kind);
}

const EVENTS = ['request.closed', 'request.denied', 'guardrail.verdict', 'kill_switch'];

test.each([
  ['complete', ['request.closed']],
  ['error', ['request.closed']],
  ['aborted', ['request.closed']],
  ['interrupted', ['request.closed']],
  ['denied', ['request.closed', 'request.denied']],
  ['blocked', ['request.closed', 'request.denied']],
] as const)('a request that ended as %s is told as %j', (state, expected) => {
  expect(kinds(aRecord({ state }), EVENTS)).toEqual(expected);
  expect(kinds(aRecord({ state }), ['request.denied'])).toEqual(expected.slice(1));
});

test('each verdict but "allow" is an event, which holds who, with what, and nothing that was found', () => {
  const record = aRecord({
    state: 'blocked',
    verdicts: [verdict({}), verdict({ action: 'allow' }), verdict({ rule: 'words', action: 'flag', shadow: true })],
  });
  const told = [{ destination: 'webhooks.siem', events: ['guardrail.verdict'], filter: ALL }];
  const deliveries = recordEventsFor(told)([record]);
  expect(deliveries.map(({ kind }) => kind)).toEqual(['guardrail.verdict', 'guardrail.verdict']);
  expect(deliveries.map(({ payload }) => JSON.parse(payload) as unknown)).toMatchObject([
    {
      request_id: record.id,
      at: '2026-11-23T10:20:31.000Z',
      login: 'alice@example.com',
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      verdict: { rule: 'no-cards', action: 'block', counts: { card: 1 }, matches: ['00112233aabbccdd'] },
    },
    { verdict: { rule: 'words', action: 'flag', shadow: true } },
  ]);
});

test.each<[Partial<RecordFilter>, boolean]>([
  [{}, true],
  [{ logins: ['alice@example.com'] }, true],
  [{ logins: ['*@example.com'] }, true],
  [{ logins: ['bob@example.com', '*@example.org'] }, false],
  [{ groups: ['group:ops', 'group:d*'] }, true],
  [{ groups: ['group:ops'] }, false],
  [{ models: ['claude-*'] }, true],
  [{ models: ['anthropic/claude-*'] }, true],
  [{ models: ['**'] }, true],
  [{ models: ['openai/**'] }, false],
  [{ providers: ['anthropic'] }, true],
  [{ providers: ['openai'] }, false],
  [{ states: ['complete'] }, true],
  [{ states: ['den*', 'blocked'] }, false],
  [{ logins: ['*@example.com'], providers: ['openai'] }, false],
])('the filter %j lets a record through: %s', (filter, through) => {
  expect(kinds(aRecord(), ['request.closed'], filter)).toEqual(through ? ['request.closed'] : []);
});

test('a model with a slash in its name is filtered by its name, too', () => {
  const record = aRecord({ model: 'meta/llama-4' });
  expect(kinds(record, ['request.closed'], { models: ['meta/*'] })).toEqual(['request.closed']);
  expect(kinds(record, ['request.closed'], { models: ['llama-4'] })).toEqual([]);
});

test('each destination is told what it asked for', () => {
  const told = [
    { destination: 'webhooks.a', events: ['request.closed'], filter: ALL },
    { destination: 'webhooks.b', events: ['request.denied'], filter: ALL },
    { destination: 'webhooks.c', events: ['request.closed'], filter: { ...ALL, states: ['complete'] } },
  ];
  const records = [aRecord(), aRecord({ state: 'denied', denied_by: 'grant' })];
  const deliveries = recordEventsFor(told)(records);
  expect(deliveries.map(({ destination, kind }) => `${destination} ${kind}`)).toEqual([
    'webhooks.a request.closed',
    'webhooks.c request.closed',
    'webhooks.a request.closed',
    'webhooks.b request.denied',
  ]);
});

test('an event that is too large for the outbox is told in short', () => {
  const record = aRecord({
    user_agent: 'x'.repeat(70_000),
    node_name: 'n'.repeat(70_000),
    verdicts: [verdict({})],
  });
  const told = [{ destination: 'webhooks.siem', events: EVENTS, filter: ALL }];
  const payloads = recordEventsFor(told)([record]).map(({ payload }) => payload);
  expect(payloads).toHaveLength(2);
  for (const payload of payloads) {
    expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(65_536);
    expect(JSON.parse(payload)).toMatchObject({ left_out: 'too_large', state: 'complete' });
  }
});
