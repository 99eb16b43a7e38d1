import { expect, test } from 'vitest';
import type { Delivery } from '../../../src/contract/delivery.ts';
import type { Batch } from '../../../src/sinks/destination.ts';
import { createFormat } from '../../../src/sinks/formats/choose.ts';
import { FORMATS } from '../../../src/sinks/formats/format.ts';
import type { FormatName } from '../../../src/sinks/formats/format.ts';
import { AT, delivery, hostile, odd, oneOfEach } from './events.ts';

const all = (): Delivery[] => [...oneOfEach(), ...odd(), ...hostile('a"b\\c\n\u2028d')];
const batch = ([first, ...rest]: Delivery[]): Batch => [first!, ...rest];
const write = (name: FormatName, deliveries: Delivery[], list = deliveries.length > 1): string =>
  createFormat(name, { version: '9.8.7', list }).write(batch(deliveries));

type Event = Record<string, Record<string, unknown>>;

/** Concatenated JSON values, as Splunk reads them. */
function concatenated(text: string): Event[] {
  const found: Event[] = [];
  for (const line of text.split('\n')) found.push(JSON.parse(line) as Event);
  return found;
}

const msOf = (text: unknown): number => Date.parse(typeof text === 'string' ? text : '');

/** Where a receiver finds id, sequence, kind and time of what it got. */
const PLACES: Record<FormatName, (text: string) => { id: unknown; sequence: unknown; kind: unknown; time: unknown }[]> =
  {
    json: (text) =>
      (JSON.parse(text) as { events: Event[] }).events.map(({ id, sequence, type, timestamp }) => {
        return { id, sequence, kind: type, time: msOf(timestamp) };
      }),
    ocsf: (text) =>
      (JSON.parse(text) as Event[]).map(({ metadata, time }) => {
        return { id: metadata!['uid'], sequence: metadata!['sequence'], kind: metadata!['event_code'], time };
      }),
    ecs: (text) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Event)
        .map(({ event, '@timestamp': at }) => {
          return {
            id: event!['id'],
            sequence: event!['sequence'],
            kind: event!['action'],
            time: msOf(at),
          };
        }),
    cef: (text) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => {
          const value = (key: string): string => new RegExp(` ?\\b${key}=(\\S+)`).exec(line)?.[1] ?? '';
          return {
            id: value('externalId'),
            sequence: Number(value('cn1')),
            kind: value('cat'),
            time: Number(value('rt')),
          };
        }),
    splunk_hec: (text) =>
      concatenated(text).map(({ time, event }) => {
        return { id: event!['id'], sequence: event!['sequence'], kind: event!['type'], time: Number(time) * 1000 };
      }),
  };

test.each(FORMATS)('%s: id, sequence, kind and time of every event are found', (name) => {
  const deliveries = all();
  const found = PLACES[name](write(name, deliveries));
  expect(found.map(({ id }) => id)).toEqual(deliveries.map(({ id }) => id));
  expect(found.map(({ sequence }) => sequence)).toEqual(deliveries.map(({ sequence }) => sequence));
  expect(found.map(({ kind }) => kind)).toEqual(deliveries.map(({ kind }) => kind));
  // The sixth is a token that was created; `json` says when the event was written down.
  expect(found[5]!.time).toBe(name === 'json' ? deliveries[5]!.createdAtMs : Date.parse(AT));
});

test.each(FORMATS)('%s: the same deliveries are the same bytes, and one event is written alone', (name) => {
  const deliveries = all();
  expect(write(name, deliveries)).toBe(write(name, deliveries));
  const alone = deliveries.map((each) => write(name, [each]));
  expect(alone.every((text) => text.length > 0)).toBe(true);
  if (name === 'ecs' || name === 'cef')
    expect(alone.every((text) => text.trimEnd().split('\n').length === 1)).toBe(true);
  if (name !== 'cef') expect(() => alone.map((text) => JSON.parse(text) as unknown)).not.toThrow();
});

test('json: one event is an object, and a batch of one is a list', () => {
  const one = delivery('kill_switch', { a: 1 }, { id: 'x', sequence: 7, createdAtMs: Date.parse(AT) });
  const event = { id: 'x', type: 'kill_switch', timestamp: AT, sequence: 7, data: { a: 1 } };
  expect(JSON.parse(write('json', [one], false))).toEqual(event);
  expect(JSON.parse(write('json', [one], true))).toEqual({ events: [event] });
});

test('splunk_hec: what Splunk indexes by stands around the event', () => {
  const one = delivery('session.opened', { a: 1 }, { createdAtMs: Date.parse(AT) + 5 });
  expect(JSON.parse(write('splunk_hec', [one]))).toEqual({
    time: Date.parse(AT) / 1000 + 0.005,
    host: 'aperture-gateway',
    source: 'aperture:webhooks.siem',
    sourcetype: 'aperture:session.opened',
    event: {
      id: one.id,
      type: 'session.opened',
      timestamp: '2026-11-23T10:20:31.005Z',
      sequence: one.sequence,
      data: { a: 1 },
    },
  });
});

/** https://www.elastic.co/docs/reference/ecs/ecs-allowed-values-event-category: what goes with each category. */
const ECS_TYPES: Record<string, string[]> = {
  api: ['access', 'admin', 'allowed', 'change', 'creation', 'deletion', 'denied', 'end', 'info', 'start', 'user'],
  configuration: ['access', 'change', 'creation', 'deletion', 'info'],
  iam: ['admin', 'change', 'creation', 'deletion', 'group', 'info', 'user'],
  intrusion_detection: ['allowed', 'denied', 'info'],
};

test('ecs: categories, types, outcomes and kinds are those that Elastic allows', () => {
  for (const one of all()) {
    const { event, ecs } = JSON.parse(write('ecs', [one])) as Event;
    expect(ecs).toEqual({ version: '8.17.0' });
    expect(['event', 'alert']).toContain(event!['kind']);
    expect(['success', 'failure', 'unknown']).toContain(event!['outcome']);
    const [category] = event!['category'] as string[];
    for (const type of event!['type'] as string[]) expect(ECS_TYPES[category!]).toContain(type);
  }
});

test('ecs: a closed request is told in the words of the schema, and what is ours stands under aperture', () => {
  const [closed] = oneOfEach();
  expect(JSON.parse(write('ecs', [closed!]))).toMatchObject({
    '@timestamp': '2026-11-23T10:20:31.123Z',
    event: { kind: 'event', category: ['api'], outcome: 'success', duration: 1_000_000_000 },
    user: { name: 'alice@example.com' },
    http: {
      request: { method: 'POST', body: { bytes: 2048 } },
      response: { status_code: 200, body: { bytes: 4096 } },
    },
    url: { path: '/v1/messages' },
    user_agent: { original: 'claude-cli/2.0.1' },
    observer: { version: '9.8.7' },
    aperture: { request: { model: 'claude-sonnet-4-5', provider: 'anthropic', cost_nanodollars: '12345678' } },
  });
  const [, , verdict] = oneOfEach();
  expect(JSON.parse(write('ecs', [verdict!]))).toMatchObject({
    event: { kind: 'alert', category: ['intrusion_detection'], type: ['denied'] },
    rule: { name: 'no-cards', category: 'personal_data' },
    aperture: { guardrail: { verdict: { action: 'block', counts: { card: 1 } } } },
  });
});
