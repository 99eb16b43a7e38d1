import { createHash } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { ALLOW, startHookServer } from '../guardrails/hooks/hook-server.ts';
import type { Called, HookAnswer, HookServer } from '../guardrails/hooks/hook-server.ts';
import type { RecordRow } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { newTag, startFlow } from './support.ts';
import type { Flow } from './support.ts';
import { WIRES, WIRE_HEADERS, WIRE_NAMES, textProviders } from './wires.ts';
import type { WireName } from './wires.ts';

/** Hooks that are asked about answers, over the real binary: each a server that knows of the documents and nothing else. */
const ALL = ['request_body', 'user_message', 'response_body', 'raw_responses', 'tools', 'estimated_cost'];
const EMAIL = 'ada.lovelace@example.com';
/** Models of the tests about hooks that are away and that hang. */
const AWAY = 'gpt-5';
const HANGING = 'gpt-5.6';

let flow: Flow;
let strict: HookServer;
let lax: HookServer;
let hanging: HookServer;
/** What the two hooks do about the request with this tag. */
const answers = new Map<string, { strict?: HookAnswer; lax?: HookAnswer }>();

/** Google's SDK has a user agent of its own: there the tag is the message. */
const tagOf = ({ body }: Called): string =>
  /tag-[0-9a-f-]{36}/.exec(`${String(body.metadata['user_agent'])} ${String(body.user_message)}`)?.[0] ?? '';
const callsOf = (hook: HookServer, tag: string): Called[] => hook.calls.filter((called) => tagOf(called) === tag);

beforeAll(async () => {
  strict = await startHookServer((response, called) => (answers.get(tagOf(called))?.strict ?? ALLOW)(response, called));
  lax = await startHookServer((response, called) => (answers.get(tagOf(called))?.lax ?? ALLOW)(response, called));
  hanging = await startHookServer(() => undefined);
  const port = await freePort();
  const away = `http://127.0.0.1:${await freePort()}/`;
  const asked = (model: string, name: string, send: string[]) => ({
    models: model,
    send_hooks: [{ name, events: ['response'], send }],
  });
  flow = await startFlow({
    simulator: { port },
    providers: textProviders(`http://127.0.0.1:${port}`),
    hooks: {
      strict: { url: strict.url, apikey: 'strict-key', preference: 5, fail_policy: 'fail_closed', timeout: '60s' },
      lax: { url: lax.url, timeout: '60s' },
      away_strict: { url: away, fail_policy: 'fail_closed' },
      away_lax: { url: away, preference: 1 },
      hangs_strict: { url: hanging.url, fail_policy: 'fail_closed', timeout: '300ms' },
      hangs_lax: { url: hanging.url, preference: 1, timeout: '300ms' },
      people: { builtin: { kind: 'personal_data', action: 'tokenise', detect: ['email'] } },
      tickets: {
        builtin: {
          kind: 'regex',
          action: 'redact',
          sides: ['response'],
          patterns: [{ name: 'ticket', pattern: 'TICKET-[0-9]{6}' }],
        },
      },
    },
    grants: [
      {
        src: ['*'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin' },
            { models: '**', send_hooks: [{ name: 'people' }, { name: 'tickets' }] },
            { read_metrics: true },
            ...[WIRES.chat.model, WIRES.messages.model, WIRES.gemini.model].flatMap((model) => [
              asked(`*/${model}`, 'lax', ['response_body']),
              asked(`*/${model}`, 'strict', ALL.slice(0, 3)),
              // The same hook again: one call, with all that both ask for.
              asked(`*/${model}`, 'strict', ALL.slice(3)),
            ]),
            asked(`*/${AWAY}`, 'away_lax', ['response_body']),
            asked(`openai/${HANGING}`, 'hangs_lax', ['response_body']),
            asked('anthropic/claude-sonnet-4-5', 'away_strict', ['response_body']),
            asked('anthropic/claude-opus-4-8', 'hangs_strict', ['response_body']),
          ],
        },
      },
    ],
  });
}, 120_000);
afterAll(async () => {
  await flow.close();
  for (const hook of [strict, lax, hanging]) await hook.away();
});

interface Taken {
  tag: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
  body: string;
}

interface Asked {
  tag?: string;
  model?: string;
  sim?: string;
  body?: Record<string, unknown>;
  onHead?: () => void;
}

async function take(wire: WireName, stream: boolean, asked: Asked = {}): Promise<Taken> {
  const { path, body, model: usual } = WIRES[wire];
  const { tag = newTag(), model = usual, sim = 'output=20', onHead } = asked;
  const answer = await request(flow.gateway.url + path(model, stream), {
    method: 'POST',
    headers: { ...WIRE_HEADERS, 'content-type': 'application/json', 'user-agent': tag, 'x-sim': `tag=${tag};${sim}` },
    body: JSON.stringify(asked.body ?? body(model, stream)),
  });
  onHead?.();
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  return { tag, status: answer.statusCode, headers: answer.headers, bytes, body: bytes.toString('utf8') };
}

async function recordOf(tag: string): Promise<RecordRow> {
  const { id } = await flow.recordOf(tag);
  return (await flow.gateway.json(`/api/requests/${id}`)) as RecordRow;
}

async function captured(id: string): Promise<string> {
  return until(`the response of ${id} is captured`, async () => {
    const answer = await fetch(`${flow.gateway.url}/api/requests/${id}/body?side=response&form=raw`);
    return answer.ok ? answer.text() : undefined;
  });
}

/** Each letter by its code: the header is in the record, and what the answer says must not be. */
const saying = (text: string): string =>
  `text=${[...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('')};bytes=3;output=20`;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const byHook = (record: RecordRow) => record.verdicts.filter(({ type }) => type === 'hook');

/** The answer's JSON with this in place of that, as a hook would do it that knows no API. */
const replacing =
  (from: string, to: string): HookAnswer =>
  (response, { body }) => {
    const response_body: unknown = JSON.parse(JSON.stringify(body.response_body).replaceAll(from, to));
    response.end(JSON.stringify({ action: 'modify', response_body }));
  };

const BLOCK: HookAnswer = (response) =>
  response.end('{"action":"block","status_code":451,"message":"Not for your eyes"}');

describe.concurrent.each(WIRE_NAMES)('%s', (wire) => {
  const blockedShape = (): unknown => {
    if (wire === 'messages')
      return { type: 'error', error: { type: 'invalid_request_error', message: 'Not for your eyes' } };
    return wire.startsWith('gemini')
      ? { error: { code: 451, message: 'Not for your eyes', status: 'PERMISSION_DENIED' } }
      : { error: { message: 'Not for your eyes', type: 'guardrail_blocked' } };
  };

  describe.concurrent.each([true, false])('streamed: %s', (stream) => {
    test.concurrent('what its hooks allow comes byte for byte, and nothing of it before they are asked', async () => {
      const tag = newTag();
      let heads = 0;
      const headsWhenAsked: number[] = [];
      const slow: HookAnswer = (response, called) => {
        setTimeout(() => {
          headsWhenAsked.push(heads);
          ALLOW(response, called);
        }, 100);
      };
      answers.set(tag, { strict: slow, lax: slow });
      const sim = `${saying('the tide is high')};input=1500`;
      const { status, headers, bytes, body } = await take(wire, stream, { tag, sim, onHead: () => (heads += 1) });
      expect([status, headsWhenAsked]).toEqual([200, [0, 0]]);
      const entry = await flow.ended(tag);
      // There our own edit takes usage out that the client did not ask for.
      if (wire !== 'chat_unasked' || !stream) expect(sha256(bytes)).toBe(entry.sha256);
      const isEvents = headers['content-type']?.toString().startsWith('text/event-stream') === true;
      expect(headers['content-length']).toBe(isEvents ? undefined : String(bytes.length));

      const [called, second] = callsOf(strict, tag);
      expect(second).toBeUndefined();
      expect(called?.headers.authorization).toBe('Bearer strict-key');
      expect(called?.body.metadata).toMatchObject({
        event: 'response',
        status: 200,
        stream,
        provider: expect.any(String),
      });
      expect(called?.body.metadata['estimated_cost']).toMatchObject({
        usage: { input_tokens: 1500, output_tokens: 20 },
      });
      expect(called?.body.metadata['session_id']).toEqual(expect.any(String));
      expect(called?.body.user_message).toBe('Tell me a story');
      expect(JSON.stringify(called?.body.request_body)).toContain('Tell me a story');
      expect(called?.body.tool_calls).toEqual([]);
      expect(JSON.stringify(called?.body.response_body)).toContain('the tide is high');
      if (!stream) expect(called?.body.response_body).toEqual(JSON.parse(body));
      expect((called!.body.raw_responses as unknown[]).length).toBeGreaterThan(stream ? 1 : 0);
      expect(Object.keys(callsOf(lax, tag)[0]?.body ?? {}).sort()).toEqual(['metadata', 'response_body']);

      const record = await recordOf(tag);
      expect(record).toMatchObject({ state: 'complete', usage_state: 'final' });
      expect(byHook(record)).toMatchObject([
        { rule: 'strict', side: 'response', action: 'allow' },
        { rule: 'lax', side: 'response', action: 'allow' },
      ]);
    });

    test.concurrent('what one blocks is an error of the API, and nothing of the answer is told or kept', async () => {
      const tag = newTag();
      answers.set(tag, { strict: BLOCK });
      const { status, body } = await take(wire, stream, { tag, sim: saying('a heron in the reeds') });
      expect(status).toBe(451);
      expect(JSON.parse(body)).toMatchObject(blockedShape() as object);
      expect(body).not.toContain('heron');
      expect(callsOf(lax, tag)).toEqual([]);
      const record = await recordOf(tag);
      // It was asked for and answered: so it is paid.
      expect(record).toMatchObject({
        state: 'blocked',
        error: { code: 'gateway_guardrail_blocked' },
        usage_state: 'final',
        usage: { output: 20 },
        response_bytes: 0,
      });
      expect(record.cost_nanodollars).not.toBeNull();
      expect(byHook(record)).toMatchObject([{ rule: 'strict', side: 'response', action: 'block' }]);
      expect(JSON.stringify(record)).not.toContain('heron');
    });
  });

  test.concurrent('what one puts in the place of an answer the next sees, the client gets and the capture holds', async () => {
    const tag = newTag();
    answers.set(tag, { strict: replacing('heron', 'wren') });
    const { status, headers, bytes, body } = await take(wire, false, { tag, sim: saying('a heron in the reeds') });
    expect(status).toBe(200);
    expect(body).toContain('a wren in the reeds');
    expect(headers['content-length']).toBe(String(bytes.length));
    expect(JSON.stringify(callsOf(lax, tag)[0]?.body.response_body)).toContain('a wren in the reeds');
    const record = await recordOf(tag);
    expect(record).toMatchObject({ state: 'complete', usage: { output: 20 }, response_sha256: sha256(bytes) });
    expect(record.edits).toContainEqual({ kind: 'rule', side: 'response', detail: 'strict: modify' });
    expect(await captured(record.id)).toBe(body);
  });

  test.concurrent('a stream cannot be modified: by the fail_policy it is refused, or goes on as it came', async () => {
    const refused = newTag();
    answers.set(refused, { strict: replacing('heron', 'wren') });
    const { status, body } = await take(wire, true, { tag: refused, sim: saying('a heron') });
    expect(status).toBe(503);
    expect(body).not.toContain('heron');
    const passed = newTag();
    answers.set(passed, { lax: replacing('tide', 'sea') });
    const { bytes } = await take(wire, true, { tag: passed, sim: saying('the tide is high') });
    if (wire !== 'chat_unasked') expect(sha256(bytes)).toBe((await flow.ended(passed)).sha256);
    const record = await recordOf(passed);
    expect(byHook(record)).toMatchObject([
      { rule: 'strict', action: 'allow' },
      { rule: 'lax', action: 'error', error: expect.stringContaining('stream') },
    ]);
  });
});

const BAD: [string, HookAnswer][] = [
  ['broken', (response) => response.writeHead(500).end()],
  ['babbling', (response) => response.end('sure, why not')],
  ['hanging up', (response) => response.destroy()],
  ['modifying without a body', (response) => response.end('{"action":"modify"}')],
];
describe.concurrent.each(BAD)('a hook that is %s', (_what, answer) => {
  test.concurrent.each([true, false])(
    'refuses with 503 or lets pass, as its fail_policy says (stream: %s)',
    async (stream) => {
      const [open, closed] = [newTag(), newTag()];
      answers.set(open, { lax: answer });
      expect((await take('messages', stream, { tag: open })).status).toBe(200);
      answers.set(closed, { strict: answer });
      const refused = await take('messages', stream, { tag: closed });
      expect(refused.status).toBe(503);
      const record = await recordOf(closed);
      expect(record).toMatchObject({ state: 'blocked', error: { code: 'gateway_guardrail_unavailable' } });
      expect(byHook(record)).toMatchObject([{ rule: 'strict', action: 'error', error: expect.any(String) }]);
    },
  );
});

test.concurrent.each([true, false])('one that is away, and one that hangs: the same (stream: %s)', async (stream) => {
  for (const model of [AWAY, HANGING]) {
    const { tag, status } = await take('chat', stream, { model });
    expect(status).toBe(200);
    expect(byHook(await recordOf(tag))).toMatchObject([
      { side: 'response', action: 'error', error: expect.any(String) },
    ]);
  }
  for (const model of ['claude-sonnet-4-5', 'claude-opus-4-8']) {
    const { tag, status, body } = await take('messages', stream, { model });
    expect([status, JSON.parse(body)]).toMatchObject([503, { type: 'error' }]);
    expect(await recordOf(tag)).toMatchObject({ state: 'blocked', response_bytes: 0 });
  }
});

test.concurrent.each([true, false])(
  'hooks see what rules left: placeholders, and no value; the client gets the values (stream: %s)',
  async (stream) => {
    const tag = newTag();
    const body = {
      ...WIRES.messages.body(WIRES.messages.model, stream),
      messages: [{ role: 'user', content: `TICKET-123456 is of ${EMAIL}` }],
    };
    if (!stream) answers.set(tag, { strict: replacing(' is of ', ' belongs to ') });
    const taken = await take('messages', stream, { tag, sim: 'echo=1;bytes=900', body });
    expect(taken.status).toBe(200);
    expect(taken.body).toContain(stream ? `is of ${EMAIL}` : `belongs to ${EMAIL}`);
    expect(taken.body).not.toContain('123456');
    const told = callsOf(strict, tag)[0]?.text ?? '';
    expect(told).not.toContain('lovelace');
    expect(told).toMatch(/is of EMAIL_[0-9a-f]{16}/);
    expect(JSON.stringify(callsOf(strict, tag)[0]?.body.response_body)).toContain('[redacted:ticket]');
    const record = await recordOf(tag);
    expect(JSON.stringify(record)).not.toContain('lovelace');
    expect(await captured(record.id)).not.toContain('lovelace');
  },
);

test.concurrent('tool calls of a blocked answer are in no record', async () => {
  const tag = newTag();
  answers.set(tag, { strict: BLOCK });
  const tools = [
    { name: 'read_file', input_schema: { type: 'object', properties: { path: { const: '/etc/heron' } } } },
  ];
  const body = { ...WIRES.messages.body(WIRES.messages.model, true), tools };
  expect((await take('messages', true, { tag, sim: 'tools=1', body })).status).toBe(451);
  expect(callsOf(strict, tag)[0]?.body.tool_calls).toEqual([{ name: 'read_file', params: expect.any(Object) }]);
  expect(await recordOf(tag)).toMatchObject({ state: 'blocked', tool_calls: [] });
});

test.concurrent('errors of a provider are judged as answers are', async () => {
  const tag = newTag();
  const { status } = await take('messages', true, { tag, sim: 'status=429' });
  expect(status).toBe(429);
  expect(callsOf(strict, tag)[0]?.body.metadata).toMatchObject({ status: 429, stream: false });
});

test.concurrent('a stream that the provider breaks is an error, and nobody is asked about the piece', async () => {
  const tag = newTag();
  const { status, body } = await take('messages', true, { tag, sim: `${saying('a heron in the reeds')};cut_after=3` });
  expect([status, JSON.parse(body)]).toMatchObject([502, { type: 'error' }]);
  expect(callsOf(strict, tag)).toEqual([]);
  expect(await recordOf(tag)).toMatchObject({ state: 'error', error: { code: 'gateway_upstream_broken' } });
});

test.concurrent('a client that leaves while its stream is held aborts the provider', async () => {
  const tag = newTag();
  const leaving = new AbortController();
  const asking = fetch(flow.gateway.url + WIRES.messages.path('', true), {
    method: 'POST',
    headers: {
      ...WIRE_HEADERS,
      'content-type': 'application/json',
      'user-agent': tag,
      'x-sim': `tag=${tag};events=2000;pace=20ms`,
    },
    body: JSON.stringify(WIRES.messages.body(WIRES.messages.model, true)),
    signal: leaving.signal,
  }).catch(() => 'left');
  await until('the provider answers', () =>
    flow.simulator.books(0, tag).entries.some(({ events_sent }) => events_sent > 3),
  );
  leaving.abort();
  expect(await asking).toBe('left');
  expect((await flow.ended(tag)).ending).toBe('client_left');
  expect(await recordOf(tag)).toMatchObject({ state: 'aborted', error: { code: 'gateway_client_gone' } });
  expect(callsOf(strict, tag)).toEqual([]);
});

test.concurrent('a client that leaves while a hook is asked ends the call, and the next hook is not asked', async () => {
  const tag = newTag();
  let ended = false;
  answers.set(tag, { strict: (response) => response.on('close', () => (ended = true)) });
  const leaving = new AbortController();
  const asking = fetch(flow.gateway.url + WIRES.chat.path('', false), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': tag },
    body: JSON.stringify(WIRES.chat.body(WIRES.chat.model, false)),
    signal: leaving.signal,
  }).catch(() => 'left');
  await until('the hook is asked', () => callsOf(strict, tag).length === 1);
  leaving.abort();
  expect(await asking).toBe('left');
  await until('the call is over', () => ended);
  const record = await recordOf(tag);
  expect(record).toMatchObject({ state: 'aborted', response_bytes: 0 });
  expect(byHook(record)).toEqual([]);
  expect(callsOf(lax, tag)).toEqual([]);
});

describe.concurrent('official SDKs', () => {
  test.concurrent.each([true, false])(
    'of OpenAI: an answer, and an error where it is blocked (stream: %s)',
    async (stream) => {
      const ask = async (tag: string): Promise<string> => {
        const client = new OpenAI({
          baseURL: `${flow.gateway.url}/v1`,
          apiKey: 'mine',
          maxRetries: 0,
          defaultHeaders: { 'user-agent': tag, 'x-sim': saying('the tide is high') },
        });
        const asked = { model: WIRES.chat.model, messages: [{ role: 'user' as const, content: 'hi' }] };
        if (!stream) return (await client.chat.completions.create(asked)).choices[0]?.message.content ?? '';
        let text = '';
        for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
          text += chunk.choices[0]?.delta.content ?? '';
        return text;
      };
      expect(await ask(newTag())).toBe('the tide is high');
      const tag = newTag();
      answers.set(tag, { strict: BLOCK });
      await expect(ask(tag)).rejects.toMatchObject({
        status: 451,
        message: expect.stringContaining('Not for your eyes'),
      });
    },
  );

  test.concurrent.each([true, false])('of Anthropic (stream: %s)', async (stream) => {
    const ask = async (tag: string): Promise<string> => {
      const client = new Anthropic({
        baseURL: flow.gateway.url,
        apiKey: 'mine',
        maxRetries: 0,
        defaultHeaders: { 'user-agent': tag, 'x-sim': saying('the tide is high') },
      });
      const asked = {
        model: WIRES.messages.model,
        max_tokens: 100,
        messages: [{ role: 'user' as const, content: 'hi' }],
      };
      const message = stream ? await client.messages.stream(asked).finalMessage() : await client.messages.create(asked);
      return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    };
    expect(await ask(newTag())).toBe('the tide is high');
    const tag = newTag();
    answers.set(tag, { strict: BLOCK });
    await expect(ask(tag)).rejects.toMatchObject({
      status: 451,
      message: expect.stringContaining('Not for your eyes'),
    });
  });

  test.concurrent.each([true, false])('of Google (stream: %s)', async (stream) => {
    const ask = async (tag: string): Promise<string> => {
      const headers = { 'x-sim': saying('the tide is high') };
      const client = new GoogleGenAI({ apiKey: 'mine', httpOptions: { baseUrl: flow.gateway.url, headers } });
      const asked = { model: WIRES.gemini.model, contents: tag };
      if (!stream) return (await client.models.generateContent(asked)).text ?? '';
      let text = '';
      for await (const chunk of await client.models.generateContentStream(asked)) text += chunk.text ?? '';
      return text;
    };
    expect(await ask(newTag())).toBe('the tide is high');
    const tag = newTag();
    answers.set(tag, { strict: BLOCK });
    await expect(ask(tag)).rejects.toMatchObject({ status: 451 });
  });
});

test('an admin tries a hook on an answer, and explain says when it is asked', async () => {
  const answer = await fetch(`${flow.gateway.url}/api/guardrails/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hook: 'strict', side: 'response', text: 'the tide is high', call_hooks: true }),
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    refused: null,
    verdicts: [{ rule: 'strict', side: 'response', action: 'allow' }],
  });
  const tried = strict.calls.filter(({ body }) => body.metadata['request_id'] === 'guardrails-test');
  expect(JSON.stringify(tried.map(({ body }) => body.response_body))).toContain('the tide is high');
  const explained = JSON.stringify(
    await flow.gateway.json(`/api/explain?login=a@example.com&model=${WIRES.chat.model}`),
  );
  expect(explained).toMatch(/"name":"strict"[^}]*"events":\["response"\]/);
});

test('verdicts are counted, and nothing is left of any request', async () => {
  const metrics = await (await fetch(`${flow.gateway.url}/metrics`)).text();
  expect(metrics).toMatch(
    /^aperture_guardrail_verdicts_total\{rule="strict",side="response",action="block",shadow="false"\} [1-9]/m,
  );
  await flow.quiescent();
});
