import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { CallFacts, HookRule, SendField } from '../../../src/contract/guardrail.ts';
import { SEND_FIELDS } from '../../../src/contract/guardrail.ts';
import { createHookCaller } from '../../../src/guardrails/hooks/call.ts';
import type { HookOutcome } from '../../../src/guardrails/hooks/outcome.ts';
import { assert } from '../../../src/lib/result.ts';
import { createEgress, HOOK_EGRESS } from '../../../src/sinks/egress.ts';
import type { Egress, EgressOptions } from '../../../src/sinks/egress.ts';
import { readTarget } from '../../../src/sinks/target.ts';
import { until } from '../../support/until.ts';
import { ALLOW, startHookServer } from './hook-server.ts';
import type { HookAnswer, HookServer } from './hook-server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(answer: HookAnswer = ALLOW): Promise<HookServer> {
  const hook = await startHookServer(answer);
  closing.push(() => hook.away().catch(() => undefined));
  return hook;
}

function way(options: Partial<EgressOptions> = {}): Egress {
  const egress = createEgress({ allow: [], ca: undefined }, { ...HOOK_EGRESS, ...options });
  closing.push(() => egress.close());
  return egress;
}

const FACTS: CallFacts = {
  login: 'alice@example.com',
  nodeId: 'nABCCNTRL',
  tailnet: 'example.com',
  userAgent: 'claude-cli/2.1',
  path: '/v1/messages',
  model: 'claude-sonnet-4-6',
  provider: 'anthropic',
  requestId: '0190a0a0-0000-7000-8000-000000000001',
  sessionId: 'oacc_1a2b3c4d5e6f7890',
  grants: { 'example.com/cap/policy': [{ tier: 'gold' }] },
  quotas: { 'daily:alice@example.com': { current: 7_250_000_000, capacity: 10_000_000_000, rate: '$5.00/day' } },
};

/** As documented: what stands there whatever is asked for. */
const METADATA = {
  login_name: 'alice@example.com',
  user_agent: 'claude-cli/2.1',
  url: '/v1/messages',
  model: 'claude-sonnet-4-6',
  provider: 'anthropic',
  tailnet_name: 'example.com',
  stable_node_id: 'nABCCNTRL',
  request_id: '0190a0a0-0000-7000-8000-000000000001',
  session_id: 'oacc_1a2b3c4d5e6f7890',
};

/** Digits that a number of JavaScript loses, an order of members that is not sorted, white space, an escape. */
const BODY =
  '{"model":"claude-sonnet-4-6", "seed":12345678901234567890,"b":1.10,"a":"\\u00e9",\n' +
  '"messages":[{"role":"user","content":"First"},{"role":"assistant","content":"Yes?"},' +
  '{"role":"user","content":[{"type":"text","text":"Mail bob@example.com"}]}]}';

interface Asked {
  url: string;
  send?: SendField[];
  timeoutMs?: number;
  headers?: [string, string][];
  egress?: Egress;
  answerBytes?: number;
}

function ask({
  url,
  send = [],
  timeoutMs = 5_000,
  headers = [],
  egress = way(),
  answerBytes = 4096,
}: Asked): Promise<HookOutcome> {
  const target = readTarget(url, false);
  assert(target.ok, url);
  const rule: HookRule = {
    type: 'hook',
    name: 'check',
    preference: 0,
    failPolicy: 'fail_closed',
    target: target.value,
    headers,
    timeoutMs,
  };
  const call = createHookCaller(egress, { unlimitedMs: 5_000, answerBytes });
  const wired = { name: 'check', events: ['pre_request' as const], send };
  return call(rule, wired, { api: 'anthropic_messages', body: Buffer.from(BODY), facts: FACTS });
}

const answers =
  (text: string, status = 200): HookAnswer =>
  (response) =>
    response.writeHead(status).end(text);

describe('what a hook is told before a request', () => {
  test('a POST of JSON, with the credential, to the path and query of its URL', async () => {
    const hook = await server();
    expect(await ask({ url: hook.url, headers: [['x-api-key', 'hook-secret']] })).toEqual({ kind: 'allow' });
    const [called] = hook.calls;
    expect([called?.method, called?.url]).toEqual(['POST', '/check?v=1']);
    expect(called?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-api-key': 'hook-secret',
      host: `127.0.0.1:${hook.port}`,
    });
    expect(called?.headers.authorization).toBeUndefined();
  });

  test('the metadata always, and nothing else that was not asked for', async () => {
    const hook = await server();
    await ask({ url: hook.url });
    expect(hook.calls[0]?.body).toEqual({ metadata: METADATA });
  });

  test('everything that can be known then; what comes after the response has no effect', async () => {
    const hook = await server();
    await ask({ url: hook.url, send: [...SEND_FIELDS] });
    expect(hook.calls[0]?.body).toEqual({
      metadata: {
        ...METADATA,
        grants: { 'example.com/cap/policy': [{ tier: 'gold' }] },
        quotas: { 'daily:alice@example.com': { current: 7_250_000_000, capacity: 10_000_000_000, rate: '$5.00/day' } },
      },
      request_body: JSON.parse(BODY),
      user_message: 'Mail bob@example.com',
    });
  });

  test('the request as the bytes that it came as', async () => {
    const hook = await server();
    await ask({ url: hook.url, send: ['request_body'] });
    expect(hook.calls[0]?.text).toContain(`"request_body":${BODY}`);
  });
});

describe('what a hook answers', () => {
  const BLOCKED = 'request blocked by guardrail';
  test.each<[string, string, HookOutcome]>([
    ['allow', '{"action":"allow"}', { kind: 'allow' }],
    ['more than we know', '{"confidence":0.7,"action":"allow","message":"fine"}', { kind: 'allow' }],
    ['a bare block', '{"action":"block"}', { kind: 'block', status: 403, message: BLOCKED }],
    [
      'a block with its words',
      '{"action":"block","status_code":451,"message":"No names, please"}',
      { kind: 'block', status: 451, message: 'No names, please' },
    ],
    [
      'a block that looks like success',
      '{"action":"block","status_code":200}',
      { kind: 'block', status: 403, message: BLOCKED },
    ],
    ['a status of text', '{"action":"block","status_code":"451"}', { kind: 'block', status: 403, message: BLOCKED }],
    [
      'a status beyond errors',
      '{"action":"block","status_code":600}',
      { kind: 'block', status: 403, message: BLOCKED },
    ],
    ['no text as message', '{"action":"block","message":{"a":1}}', { kind: 'block', status: 403, message: BLOCKED }],
    ['modify without a body', '{"action":"modify"}', { kind: 'allow' }],
    ['modify with no object', '{"action":"modify","request_body":"[]"}', { kind: 'allow' }],
    ['modify with a list', '{"action":"modify","request_body":[{}]}', { kind: 'allow' }],
    ['a byte order mark', '\uFEFF{"action":"block"}', { kind: 'block', status: 403, message: BLOCKED }],
  ])('%s', async (_what, text, outcome) => {
    const hook = await server(answers(text));
    expect(await ask({ url: hook.url })).toEqual(outcome);
  });

  test.each(['', '\uFEFF'])('modify gives the body as the hook wrote it (mark: "%s")', async (mark) => {
    const wanted = '{ "seed" : 12345678901234567890,"x":"\\u00e9" }';
    const hook = await server(
      answers(`${mark}{"request_body":{"first":1},"action":"modify","request\\u005fbody": ${wanted} }`),
    );
    const outcome = await ask({ url: hook.url });
    assert(outcome.kind === 'modify', outcome.kind);
    expect(Buffer.from(outcome.body).toString()).toBe(wanted);
  });

  test('201 is as good as 200', async () => {
    const hook = await server(answers('{"action":"block","status_code":418}', 201));
    expect(await ask({ url: hook.url })).toMatchObject({ kind: 'block', status: 418 });
  });
});

describe('a hook that fails', () => {
  test.each<[string, HookAnswer, RegExp]>([
    ['answers nothing', answers(''), /no JSON object/],
    ['answers text', answers('allow'), /no JSON object/],
    ['answers a list', answers('[{"action":"allow"}]'), /no JSON object/],
    ['breaks off its JSON', answers('{"action":"allow"'), /no JSON object/],
    ['answers bytes', (response) => response.end(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), /no JSON object/],
    ['has no action', answers('{"allow":true}'), /none of the actions/],
    ['has an action of its own', answers('{"action":"ALLOW"}'), /none of the actions/],
    ['is broken', answers('{"action":"allow"}', 500), /answered 500/],
    ['does not know us', answers('{"action":"allow"}', 401), /answered 401/],
    ['has no content', (response) => response.writeHead(204).end(), /no JSON object/],
    [
      'sends us elsewhere',
      (response) => response.writeHead(307, { location: '/elsewhere' }).end('{"action":"allow"}'),
      /answered 307/,
    ],
    [
      'answers more than a body may have',
      answers(`{"action":"allow","pad":"${'x'.repeat(5000)}"}`),
      /longer than 4096/,
    ],
    ['closes the connection', (response) => response.destroy(), /broke/],
    [
      'breaks off in the answer',
      (response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"action"', () => response.destroy());
      },
      /broke/,
    ],
  ])('%s', async (_what, answer, why) => {
    const hook = await server(answer);
    const outcome = await ask({ url: hook.url });
    assert(outcome.kind === 'failed', outcome.kind);
    expect(outcome.why).toMatch(why);
    expect(hook.calls).toHaveLength(1);
  });

  test('hangs, before its answer or in it', async () => {
    const silent = await server(() => undefined);
    expect(await ask({ url: silent.url, timeoutMs: 100 })).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('within 100 ms'),
    });
    const halting = await server((response) => {
      response.write('{"action":');
    });
    expect(await ask({ url: halting.url, timeoutMs: 100 })).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('within 100 ms'),
    });
  });

  test('takes the connection and says nothing at all', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    closing.push(() => mute.close());
    const { port } = mute.address() as AddressInfo;
    const egress = way();
    expect(await ask({ url: `http://127.0.0.1:${port}/`, timeoutMs: 100, egress })).toMatchObject({ kind: 'failed' });
  });

  test('is not there', async () => {
    const hook = await server();
    await hook.away();
    expect(await ask({ url: hook.url })).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('could not be reached'),
    });
  });

  test('is asked by more requests at once than are allowed: the one too many fails at once, the others wait', async () => {
    const waiting: (() => void)[] = [];
    const hook = await server((response) => waiting.push(() => response.end('{"action":"allow"}')));
    const egress = way({ perDestination: 2 });
    const both = [ask({ url: hook.url, egress }), ask({ url: hook.url, egress })];
    await until('both are asked', () => waiting.length === 2);
    expect(await ask({ url: hook.url, egress })).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('under way'),
    });
    for (const go of waiting) go();
    expect(await Promise.all(both)).toEqual([{ kind: 'allow' }, { kind: 'allow' }]);
  });

  test('its reason holds neither the path nor the credential', async () => {
    const hook = await server(answers('no', 500));
    const outcomes = [
      await ask({ url: hook.url.replace('/check', '/secret-path'), headers: [['authorization', 'Bearer secret-key']] }),
      await ask({ url: 'http://192.168.1.1/secret-path', headers: [['authorization', 'Bearer secret-key']] }),
    ];
    expect(JSON.stringify(outcomes)).not.toContain('secret');
  });
});

describe('where a hook may be', () => {
  const at = (name: string, address: string): Promise<HookOutcome> => {
    const egress = way({ resolve: () => Promise.resolve([address]), connectMs: 300 });
    return ask({ url: `http://${name}:9/`, timeoutMs: 300, egress });
  };
  const REFUSED = { kind: 'failed', why: expect.stringContaining('not a public address') };

  test.each(['localhost', 'guard', 'guard.tail1234.ts.net', 'guard.localhost'])(
    '%s may be at loopback',
    async (name) => {
      const hook = await server();
      const egress = way({ resolve: () => Promise.resolve(['127.0.0.1']) });
      expect(await ask({ url: `http://${name}:${hook.port}/`, egress })).toEqual({ kind: 'allow' });
    },
  );

  test('a public name that points to this machine, to a tailnet or to a private network is refused', async () => {
    for (const address of ['127.0.0.1', '100.64.1.2', 'fd7a:115c:a1e0::1', '10.0.0.1']) {
      expect(await at('hook.example.com', address), address).toMatchObject(REFUSED);
    }
  });

  test('no name is at a metadata or link-local address, and none at a private one', async () => {
    for (const address of ['169.254.169.254', '100.100.100.200', 'fe80::1', '169.254.1.1', '192.168.1.1', 'fd00::1']) {
      expect(await at('guard', address), address).toMatchObject(REFUSED);
    }
    for (const host of ['169.254.169.254', '100.100.100.200', '[fe80::1]', '192.168.1.1', '[fd7a:115c:a1e0::53]']) {
      expect(await ask({ url: `http://${host}/`, timeoutMs: 300 }), host).toMatchObject(REFUSED);
    }
  });

  test('plain http to a public address is refused', async () => {
    expect(await at('hook.example.com', '8.8.8.8')).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('plain http is not allowed'),
    });
  });
});
