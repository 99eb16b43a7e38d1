import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import type { RecordRow } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { newTag, startFlow } from './support.ts';
import type { Flow } from './support.ts';
import { WIRES, WIRE_HEADERS, WIRE_NAMES, textProviders } from './wires.ts';
import type { WireName } from './wires.ts';

/** Built-in rules over the real binary, in every text API, streamed and not. */
const HOOKS = {
  people: { preference: 9, builtin: { kind: 'personal_data', action: 'tokenise', detect: ['email', 'card'] } },
  keys: { preference: 8, builtin: { kind: 'secrets', action: 'block', sides: ['request'] } },
  tickets: {
    preference: 7,
    builtin: {
      kind: 'regex',
      action: 'redact',
      sides: ['response'],
      patterns: [{ name: 'ticket', pattern: 'TICKET-[0-9]{6}' }],
    },
  },
  birds: {
    builtin: { kind: 'words', action: 'block', sides: ['response'], words: ['heron nest'], message: 'no birds' },
  },
  watched: { builtin: { kind: 'words', action: 'block', shadow: true, words: ['tide'] } },
};
const EMAIL = 'ada.lovelace@example.com';

let flow: Flow;

beforeAll(async () => {
  const port = await freePort();
  flow = await startFlow({
    simulator: { port },
    providers: textProviders(`http://127.0.0.1:${port}`),
    hooks: HOOKS,
    grants: [
      {
        src: ['*'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin' },
            { models: '**', send_hooks: Object.keys(HOOKS).map((name) => ({ name, events: ['pre_request'] })) },
            { read_metrics: true },
          ],
        },
      },
    ],
  });
});
afterAll(async () => {
  await flow.close();
});

interface Taken {
  status: number;
  body: string;
  record: RecordRow;
}

async function take(
  wire: WireName,
  stream: boolean,
  sim: string,
  change: (body: Record<string, unknown>) => Record<string, unknown> = (body) => body,
): Promise<Taken> {
  const { path, body, model } = WIRES[wire];
  const tag = newTag();
  const answer = await request(flow.gateway.url + path(model, stream), {
    method: 'POST',
    headers: { ...WIRE_HEADERS, 'content-type': 'application/json', 'user-agent': tag, 'x-sim': `tag=${tag};${sim}` },
    body: JSON.stringify(change(body(model, stream))),
  });
  // A stream that a rule ends is broken off behind its last event.
  let text = '';
  try {
    for await (const chunk of answer.body) text += (chunk as Buffer).toString('utf8');
  } catch {
    // So it is.
  }
  return { status: answer.statusCode, body: text, record: await wholeRecord(tag) };
}

/** Lists leave out what is long. */
async function wholeRecord(tag: string): Promise<RecordRow> {
  const { id } = await flow.recordOf(tag);
  const answer = await fetch(`${flow.gateway.url}/api/requests/${id}`);
  return (await answer.json()) as RecordRow;
}

/** The user's words in the place of the usual prompt. */
function saying(wire: WireName, text: string): (body: Record<string, unknown>) => Record<string, unknown> {
  switch (wire) {
    case 'responses':
      return (body) => ({ ...body, input: text });
    case 'gemini':
    case 'gemini_array':
      return () => ({ contents: [{ role: 'user', parts: [{ text }] }] });
    default:
      return (body) => ({ ...body, messages: [{ role: 'user', content: text }] });
  }
}

type Step = string | number;

/** The value at the end of a path; undefined where there is none. */
function at(value: unknown, ...path: Step[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Object.entries(found).find(([key]) => key === String(step))?.[1];
  }
  return found;
}

function textAt(value: unknown, ...path: Step[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

function listAt(value: unknown, ...path: Step[]): unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

function eventsOf(body: string): unknown[] {
  return [...body.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']): unknown => JSON.parse(json));
}

/** What the client's reader puts together; written from the APIs' documents, not from our readers. */
function textOf(wire: WireName, stream: boolean, body: string): string {
  if (!stream) return wholeText(wire, JSON.parse(body));
  const events = wire === 'gemini_array' ? listAt({ events: JSON.parse(body) as unknown }, 'events') : eventsOf(body);
  return events.map((event) => eventText(wire, event)).join('');
}

function eventText(wire: WireName, event: unknown): string {
  switch (wire) {
    case 'chat':
    case 'chat_unasked':
      return textAt(event, 'choices', 0, 'delta', 'content');
    case 'responses':
      return at(event, 'type') === 'response.output_text.delta' ? textAt(event, 'delta') : '';
    case 'messages':
      return at(event, 'type') === 'content_block_delta' ? textAt(event, 'delta', 'text') : '';
    default:
      return wholeText(wire, event);
  }
}

function wholeText(wire: WireName, value: unknown): string {
  const joined = (parts: unknown[]): string => parts.map((part) => textAt(part, 'text')).join('');
  switch (wire) {
    case 'chat':
    case 'chat_unasked':
      return textAt(value, 'choices', 0, 'message', 'content');
    case 'responses':
      return joined(listAt(value, 'output').flatMap((item) => listAt(item, 'content')));
    case 'messages':
      return joined(listAt(value, 'content'));
    default:
      return joined(listAt(value, 'candidates', 0, 'content', 'parts'));
  }
}

async function captured(id: string, side: 'request' | 'response'): Promise<string> {
  return until(`the ${side} of ${id} is captured`, async () => {
    const answer = await fetch(`${flow.gateway.url}/api/requests/${id}/body?side=${side}&form=raw`);
    return answer.ok ? answer.text() : undefined;
  });
}

function verdictOf(record: RecordRow, rule: string, side: string): RecordRow['verdicts'][number] | undefined {
  return record.verdicts.find((verdict) => verdict.rule === rule && verdict.side === side);
}

const spelled = (text: string): string => `text=${encodeURIComponent(text)};bytes=1`;

describe.each(WIRE_NAMES)('%s', (wire) => {
  describe.each([true, false])('streamed: %s', (stream) => {
    test.concurrent('failure mode 14: what is to be redacted reaches neither client nor capture, in single letters too', async () => {
      const { status, body, record } = await take(wire, stream, spelled('see TICKET-123456 and go'));
      expect(status).toBe(200);
      expect(textOf(wire, stream, body)).toBe('see [redacted:ticket] and go');
      expect(body).not.toContain('123456');
      expect(record).toMatchObject({ state: 'complete', usage_state: 'final' });
      expect(verdictOf(record, 'tickets', 'response')).toMatchObject({
        type: 'regex',
        action: 'redact',
        shadow: false,
        counts: { ticket: 1 },
        scanned: expect.arrayContaining(['assistant']),
        error: null,
      });
      expect(await captured(record.id, 'response')).not.toContain('123456');
    });

    test.concurrent('failure mode 14: what is forbidden ends the answer in the words of the API, and nothing of it is told', async () => {
      const { status, body, record } = await take(wire, stream, spelled('look at the heron nest now'));
      expect(body).toContain('no birds');
      expect(body).not.toContain('heron');
      expect(status).toBe(stream ? 200 : 403);
      if (stream) {
        const told = textOf(wire, stream, body);
        expect('look at the '.startsWith(told), told).toBe(true);
      }
      expect(record).toMatchObject({ state: 'blocked', error: { code: 'gateway_guardrail_blocked' } });
      expect(verdictOf(record, 'birds', 'response')).toMatchObject({ action: 'block', counts: { word: 1 } });
    });

    test.concurrent('values are stood in for on their way to the provider, and put back on the way to the client', async () => {
      const { status, body, record } = await take(
        wire,
        stream,
        'echo=1;bytes=1',
        saying(wire, `write to ${EMAIL} today`),
      );
      expect(status).toBe(200);
      expect(textOf(wire, stream, body)).toBe(`write to ${EMAIL} today`);
      const sent = await captured(record.id, 'request');
      expect(sent).not.toContain('lovelace');
      expect(sent).toMatch(/write to EMAIL_[0-9a-f]{16} today/);
      expect(await captured(record.id, 'response')).not.toContain('lovelace');
      expect(verdictOf(record, 'people', 'request')).toMatchObject({ action: 'tokenise', counts: { email: 1 } });
      expect(JSON.stringify(record)).not.toContain('lovelace');
    });

    test.concurrent('an answer without a find comes byte for byte, and a shadow rule changes nothing', async () => {
      const tag = newTag();
      const { status, body, record } = await take(
        wire,
        stream,
        `tag=${tag};output=20;text=${encodeURIComponent('the tide is high')};bytes=3`,
      );
      expect(status).toBe(200);
      expect(textOf(wire, stream, body)).toBe('the tide is high');
      expect(verdictOf(record, 'watched', 'response')).toMatchObject({
        action: 'block',
        shadow: true,
        counts: { word: 1 },
      });
      expect(record).toMatchObject({ state: 'complete' });
    });
  });

  test.concurrent('a secret in a prompt does not leave', async () => {
    const { status, body, record } = await take(
      wire,
      false,
      'output=5',
      saying(wire, 'my key is sk-ant-api03-' + 'Zk3vQ9xL2mN8pR5tW7yB1cD4fG6hJ0aS'.repeat(3).slice(0, 93) + 'AA'),
    );
    expect(status).toBe(403);
    expect(body).not.toContain('Zk3vQ9');
    expect(record).toMatchObject({ state: 'blocked', attempts: [] });
    expect(verdictOf(record, 'keys', 'request')).toMatchObject({ action: 'block', counts: { provider_key: 1 } });
    expect(JSON.stringify(record)).not.toContain('Zk3vQ9');
  });

  test.concurrent('a key that stands twice in an object, however deep, is refused while rules hold', async () => {
    const { path, body, model } = WIRES[wire];
    const json = JSON.stringify({ ...body(model, false), metadata: { deep: [{ one: '@' }] } }).replace(
      '{"one":"@"}',
      '{"one":"a","\\u006fne":"b"}',
    );
    const answer = await fetch(flow.gateway.url + path(model, false), {
      method: 'POST',
      headers: { ...WIRE_HEADERS, 'content-type': 'application/json' },
      body: json,
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('one');
  });
});

test('tokenised values go round through a streamed tool call, and are the same in three turns', async () => {
  const tools = [
    {
      type: 'function',
      function: {
        name: 'send_mail',
        parameters: { type: 'object', required: ['to'], properties: { to: { const: EMAIL } } },
      },
    },
  ];
  const messages: unknown[] = [{ role: 'user', content: `send a mail to ${EMAIL}` }];
  const placeholders: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const { status, body, record } = await take('chat', true, 'tools=1', (usual) => ({ ...usual, tools, messages }));
    expect(status).toBe(200);
    const calls = eventsOf(body).flatMap((event) => listAt(event, 'choices', 0, 'delta', 'tool_calls'));
    const args = calls.map((call) => textAt(call, 'function', 'arguments')).join('');
    expect(JSON.parse(args)).toEqual({ to: EMAIL });
    const id = calls.map((call) => textAt(call, 'id')).join('');
    messages.push(
      { role: 'assistant', tool_calls: [{ id, type: 'function', function: { name: 'send_mail', arguments: args } }] },
      { role: 'tool', tool_call_id: id, content: `sent to ${EMAIL}` },
      { role: 'user', content: 'once more' },
    );
    const sent = await captured(record.id, 'request');
    expect(sent).not.toContain('lovelace');
    placeholders.push(...(sent.match(/EMAIL_[0-9a-f]{16}/g) ?? []));
    expect(record.tool_calls[0]?.arguments).toMatch(/EMAIL_[0-9a-f]{16}/);
  }
  expect(placeholders.length).toBeGreaterThan(6);
  expect(new Set(placeholders).size).toBe(1);
});

test('failure mode 23: signed blocks of earlier turns leave as they came, whatever stands in them', async () => {
  const thinking = { type: 'thinking', thinking: `ask ${EMAIL} first`, signature: 'c2lnbmF0dXJlIG9mIGl0' };
  const body = {
    model: 'claude-sonnet-4-5',
    max_tokens: 100,
    messages: [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: [thinking, { type: 'text', text: `I asked ${EMAIL}` }] },
      { role: 'user', content: 'go on' },
    ],
  };
  const { status, record } = await take('messages', false, 'output=5', () => body);
  expect(status).toBe(200);
  const sent = await captured(record.id, 'request');
  expect(sent).toContain(JSON.stringify(thinking));
  expect(sent).toMatch(/I asked EMAIL_[0-9a-f]{16}/);
  // Nothing in them was to be replaced, so they were not even read.
  expect(verdictOf(record, 'people', 'request')?.scanned).toEqual(['assistant', 'user']);
});

test('failure mode 30: a provider that compresses although it was asked not to is read all the same', async () => {
  for (const stream of [true, false]) {
    const { status, body } = await take('messages', stream, `${spelled('see TICKET-123456 and go')};encoding=gzip`);
    expect(status).toBe(200);
    expect(textOf('messages', stream, body)).toBe('see [redacted:ticket] and go');
  }
});

test('an admin tries the rules of the running config', async () => {
  const answer = await fetch(`${flow.gateway.url}/api/guardrails/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hooks: ['people', 'tickets'], side: 'response', text: `${EMAIL}: TICKET-123456` }),
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    refused: null,
    texts: [
      {
        finds: [
          { rule: 'people', kind: 'email', start: 0, end: EMAIL.length },
          { rule: 'tickets', kind: 'ticket', start: EMAIL.length + 2, end: EMAIL.length + 15 },
        ],
        goes_on: `${EMAIL}: [redacted:ticket]`,
      },
    ],
  });
});

test('verdicts are counted', async () => {
  const metrics = await (await fetch(`${flow.gateway.url}/metrics`)).text();
  expect(metrics).toMatch(
    /^aperture_guardrail_verdicts_total\{rule="tickets",side="response",action="redact",shadow="false"\} [1-9]/m,
  );
  await flow.quiescent();
});
