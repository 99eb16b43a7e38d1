import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import type { Message } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../../bench/targets.ts';
import { ALLOW, startHookServer } from '../../guardrails/hooks/hook-server.ts';
import type { HookServer } from '../../guardrails/hooks/hook-server.ts';
import { signatureOf } from '../../support/aws-signature.ts';
import { startGateway } from '../../support/gateway.ts';
import type { RecordRow, TestGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';

/**
 * AWS's own SDK through the gateway, before a provider of ours that checks each signature by itself; over HTTP/2 in the
 * clear (`server.listen_h2c`) too, which is what this client speaks by default to an `http://` endpoint.
 */

const ACCESS_KEY = 'AKIDPROVIDER0000001';
const SECRET_KEY = 'provider/secret+key0000000000000000000';
const SESSION_TOKEN = 'cHJvdmlkZXItc2Vzc2lvbi10b2tlbg==';
const API_KEY = 'bedrock-api-key-0123456789';
/** What an SDK signs with that knows the gateway needs nothing. */
const CLIENT = { accessKeyId: 'AKIACLIENTDUMMY00001', secretAccessKey: 'client-dummy', sessionToken: 'client-token' };

const CLAUDE = 'us.anthropic.claude-opus-4-8';
const SONNET = 'us.anthropic.claude-sonnet-4-6';
const ARN = `arn:aws:bedrock:us-east-1:123456789012:inference-profile/${SONNET}`;
const NOVA = 'amazon.nova-lite-v1:0';
const LLAMA = 'meta.llama3-1-8b-instruct-v1:0';
const TITAN = 'amazon.titan-embed-text-v2:0';
const THROTTLED = 'amazon.nova-pro-v1:0';
const BROKEN = 'global.anthropic.claude-sonnet-4-5-20250929-v1:0';
/** Their streams begin and never end; the second one stops within a frame. */
const STALLING = 'stalling.model-v1:0';
const TORN = 'torn.model-v1:0';
/** By another credential, and under rules. */
const BY_KEY = 'keyed.model-v1:0';
const GUARDED = 'guarded.model-v1:0';
/** A hook is asked about its answers. */
const ASKED = 'asked.model-v1:0';

interface Seen {
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  signature: 'right' | 'wrong' | 'none';
}

let provider: Server;
let seen: Seen[] = [];
let gateway: TestGateway;
let hook: HookServer;
let h2cPort = 0;

const FIXTURES = new URL('../../fixtures/', import.meta.url);
const file = (name: string): Buffer => readFileSync(new URL(name, FIXTURES));
const HALF_FRAME = 40;

beforeAll(async () => {
  provider = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = '', url = '', headers } = request;
      const [, claimed] = /Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '') ?? [];
      const right = claimed === signatureOf({ method, path: url, headers, body }, SECRET_KEY);
      seen.push({ path: url, headers, body, signature: claimed === undefined ? 'none' : right ? 'right' : 'wrong' });
      answer(url, response);
    });
  });
  await new Promise<void>((listening) => provider.listen(0, '127.0.0.1', listening));
  h2cPort = await freePort();
  hook = await startHookServer();
  gateway = await startGateway({ config: config() });
});
afterAll(async () => {
  await gateway.stop();
  await hook.away();
  provider.closeAllConnections();
  provider.close();
});
beforeEach(() => {
  seen = [];
});

function config(): Record<string, unknown> {
  const { port } = provider.address() as AddressInfo;
  const all = {
    baseurl: `http://127.0.0.1:${port}`,
    cost_basis: 'bedrock',
    compatibility: { bedrock_converse: true, bedrock_model_invoke: true },
  };
  const models = [CLAUDE, SONNET, ARN, NOVA, LLAMA, TITAN, THROTTLED, BROKEN, STALLING, TORN, GUARDED, ASKED];
  return {
    providers: {
      aws: {
        ...all,
        models,
        authorization: 'aws_sigv4',
        aws_region: 'us-east-1',
        apikey: `${ACCESS_KEY}:${SECRET_KEY}:${SESSION_TOKEN}`,
        add_headers: ['x-amz-team: blue'],
      },
      keyed: { ...all, models: [BY_KEY], apikey: API_KEY, compatibility: { bedrock_converse: true } },
    },
    hooks: {
      pii: { builtin: { kind: 'personal_data', action: 'redact', detect: ['email'] } },
      lenient: {
        fail_policy: 'fail_open',
        builtin: { kind: 'personal_data', action: 'block', detect: ['email'], sides: ['response'] },
      },
      outside: { url: hook.url, fail_policy: 'fail_closed', timeout: '60s' },
      watch: { builtin: { kind: 'personal_data', action: 'flag', detect: ['email'], sides: ['request'] } },
    },
    grants: [
      {
        src: ['(loopback)'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin' },
            { models: '**' },
            {
              models: `aws/${ASKED}`,
              send_hooks: [{ name: 'outside', events: ['response'], send: ['response_body', 'raw_responses'] }],
            },
            { models: `aws/${GUARDED}`, send_hooks: [{ name: 'pii' }] },
            { models: `aws/${SONNET}`, send_hooks: [{ name: 'lenient' }, { name: 'watch' }] },
          ],
        },
      },
    ],
    ...(TRANSPORTS.length > 1 ? { server: { listen_h2c: [{ address: `127.0.0.1:${h2cPort}` }] } } : {}),
  };
}

/** What the provider has for each model, by the fixtures of the readers. */
function answer(path: string, response: ServerResponse): void {
  const [, model = '', verb = ''] = /^\/model\/([^/]+)\/([a-z-]+)$/.exec(path) ?? [];
  const send = (type: string, body: Buffer | string, headers: Record<string, string> = {}, status = 200): void => {
    response.writeHead(status, { 'content-type': type, 'x-amzn-requestid': 'aws-request-1', ...headers });
    response.end(body);
  };
  const json = (body: Buffer | string, headers: Record<string, string> = {}, status = 200): void => {
    send('application/json', body, headers, status);
  };
  const frames = (name: string): void => {
    send('application/vnd.amazon.eventstream', file(`bedrock/${name}.response.bin`));
  };
  const stalling = (bytes: Buffer): void => {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
    response.write(bytes);
  };
  const id = decodeURIComponent(model);
  if (verb === 'count-tokens') json('{"inputTokens":777}');
  else if (id === THROTTLED) {
    const type = 'ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/';
    json(file('bedrock/error-throttling.response.json'), { 'x-amzn-errortype': type }, 429);
  } else if (id === STALLING) stalling(firstFrames(2));
  else if (id === TORN)
    stalling(Buffer.concat([firstFrames(2), firstFrames(3).subarray(firstFrames(2).length, -HALF_FRAME)]));
  else if (id === BROKEN) frames('invoke-stream-throttled-midway');
  else if (verb === 'converse-stream') frames('converse-stream');
  else if (verb === 'invoke-with-response-stream') frames('invoke-stream-anthropic');
  else if (id === GUARDED) {
    const content = [{ text: 'Write to eve@example.com.' }];
    const usage = { inputTokens: 5, outputTokens: 5, totalTokens: 10 };
    json(JSON.stringify({ output: { message: { role: 'assistant', content } }, stopReason: 'end_turn', usage }));
  } else if (verb === 'converse') json(file('bedrock/converse-unary-cache.response.json'));
  else if (id === LLAMA) {
    const counts = { 'x-amzn-bedrock-input-token-count': '7', 'x-amzn-bedrock-output-token-count': '3' };
    json(file('bedrock/invoke-unary-llama.response.json'), counts);
  } else if (id === TITAN) json(file('embeddings/bedrock-titan.response.json'));
  else json(file('bedrock/invoke-unary-anthropic.response.json'));
}

function firstFrames(count: number): Buffer {
  const stream = file('bedrock/converse-stream.response.bin');
  let end = 0;
  for (let i = 0; i < count; i++) end += stream.readUInt32BE(end);
  return stream.subarray(0, end);
}

/** The record of the newest request, once it is there: the one before was for another model, or in another state. */
async function newest(model: string, state?: RecordRow['state']): Promise<RecordRow> {
  return until('the record is there', async () => {
    const [row] = await gateway.records(1);
    return row?.model === model && (state === undefined || row.state === state) ? row : undefined;
  });
}

const HI: Message[] = [{ role: 'user', content: [{ text: 'hi' }] }];

const TRANSPORTS = [
  { name: 'HTTP/1.1', origin: () => gateway.url, handler: () => new NodeHttpHandler() },
  {
    name: 'HTTP/2 in the clear',
    origin: () => `http://127.0.0.1:${h2cPort}`,
    // As the client has it where nothing is said.
    handler: () => new NodeHttp2Handler({ disableConcurrentStreams: true }),
  },
];

describe.each(TRANSPORTS)("AWS's SDK over $name", ({ origin, handler }) => {
  let client: BedrockRuntimeClient;
  beforeAll(() => {
    client = clientAt('');
  });
  afterAll(() => {
    client.destroy();
  });

  function clientAt(prefix: string): BedrockRuntimeClient {
    return new BedrockRuntimeClient({
      region: 'us-east-1',
      endpoint: origin() + prefix,
      credentials: CLIENT,
      requestHandler: handler(),
      maxAttempts: 1,
    });
  }

  test('Converse: the answer, its record, and our signature in place of the client’s', async () => {
    const answered = await client.send(new ConverseCommand({ modelId: CLAUDE, messages: HI }));
    expect(answered.output?.message?.content).toEqual([{ text: 'OK.' }]);
    expect(answered.usage).toMatchObject({ inputTokens: 15, cacheReadInputTokens: 9000, outputTokens: 5 });

    const [sent] = seen;
    expect(sent).toMatchObject({ path: `/model/${CLAUDE}/converse`, signature: 'right' });
    expect(JSON.parse(String(sent?.body))).toEqual({ messages: HI });
    expect(sent?.headers.authorization).toContain(`Credential=${ACCESS_KEY}/`);
    expect(sent?.headers.authorization).toContain('/us-east-1/bedrock/aws4_request');
    // The operator's own header is one that AWS wants signed.
    expect(sent?.headers.authorization).toContain('x-amz-team');
    expect(sent?.headers['x-amz-security-token']).toBe(SESSION_TOKEN);
    const clients = ['x-amz-content-sha256', 'amz-sdk-invocation-id', 'amz-sdk-request'];
    for (const name of clients) expect(sent?.headers).not.toHaveProperty(name);
    expect(JSON.stringify(sent?.headers)).not.toContain(CLIENT.accessKeyId);

    const record = await newest(CLAUDE);
    expect(record).toMatchObject({
      state: 'complete',
      api: 'bedrock_converse',
      provider: 'aws',
      status: 200,
      stream: false,
      stop_reason: 'end_turn',
      usage_state: 'final',
      usage: { input_uncached: 15, cache_read: 9000, cache_write_5m: 500, cache_write_1h: 3000, output: 5 },
      cost_basis: `bedrock/${CLAUDE}`,
      provider_request_id: 'aws-request-1',
    });
    const whole = JSON.stringify(await gateway.json(`/api/requests/${record.id}`));
    for (const secret of [
      CLIENT.accessKeyId,
      CLIENT.sessionToken,
      ACCESS_KEY,
      SECRET_KEY,
      SESSION_TOKEN,
      'AWS4-HMAC',
    ]) {
      expect(whole).not.toContain(secret);
    }
  });

  test('ConverseStream: every event, under the prefix of Aperture’s clients too', async () => {
    const prefixed = clientAt('/bedrock');
    for (const each of [client, prefixed]) {
      const { stream = [] } = await each.send(new ConverseStreamCommand({ modelId: NOVA, messages: HI }));
      let text = '';
      let stop: string | undefined;
      let tokens: number | undefined;
      for await (const event of stream) {
        text += event.contentBlockDelta?.delta?.text ?? '';
        stop ??= event.messageStop?.stopReason;
        tokens ??= event.metadata?.usage?.totalTokens;
      }
      expect([text, stop, tokens]).toEqual(['Bonjour de Paris.', 'end_turn', 34]);
    }
    prefixed.destroy();
    // As the SDK wrote it, and without what is ours.
    expect(seen.map(({ path, signature }) => [path, signature])).toEqual([
      ['/model/amazon.nova-lite-v1%3A0/converse-stream', 'right'],
      ['/model/amazon.nova-lite-v1%3A0/converse-stream', 'right'],
    ]);
    const record = await newest(NOVA);
    expect(record).toMatchObject({
      state: 'complete',
      api: 'bedrock_converse',
      stream: true,
      usage: { input_uncached: 26, output: 8 },
      // $0.06 and $0.24 a million.
      cost_nanodollars: String(26 * 60 + 8 * 240),
    });
    // Captured byte for byte, and put together again where it is asked for as JSON.
    const captured = `/api/requests/${record.id}/body?side=response`;
    const raw = await fetch(gateway.url + captured);
    expect(Buffer.from(await raw.arrayBuffer()).equals(file('bedrock/converse-stream.response.bin'))).toBe(true);
    expect(await gateway.json(`${captured}&form=json`)).toEqual({
      body: {
        output: { message: { role: 'assistant', content: [{ text: 'Bonjour de Paris.' }] } },
        stopReason: 'end_turn',
        usage: { inputTokens: 26, outputTokens: 8, totalTokens: 34, serverToolUsage: {} },
        metrics: { latencyMs: 903 },
      },
    });
  });

  test('a binary stream that a hook is asked about is told as JSON, comes as it is, or is an error with a status', async () => {
    const command = new ConverseStreamCommand({ modelId: ASKED, messages: HI });
    hook.answer = ALLOW;
    hook.calls.length = 0;
    const { stream = [] } = await client.send(command);
    let text = '';
    for await (const event of stream) text += event.contentBlockDelta?.delta?.text ?? '';
    expect(text).toBe('Bonjour de Paris.');
    expect(hook.calls[0]?.body).toMatchObject({
      metadata: { event: 'response', stream: true },
      response_body: { output: { message: { content: [{ text: 'Bonjour de Paris.' }] } }, stopReason: 'end_turn' },
    });
    expect((hook.calls[0]!.body.raw_responses as unknown[]).length).toBeGreaterThan(2);
    hook.answer = (response) => response.end('{"action":"block","status_code":403,"message":"Not for your eyes"}');
    await expect(client.send(command)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: 'Not for your eyes',
      $metadata: { httpStatusCode: 403 },
    });
  });

  test('InvokeModel: vendors’ bodies, counted by AWS where they count nothing', async () => {
    const body = JSON.stringify({ prompt: 'hi', max_gen_len: 20 });
    const answered = await client.send(
      new InvokeModelCommand({ modelId: LLAMA, body, contentType: 'application/json' }),
    );
    expect(JSON.parse(answered.body.transformToString())).toMatchObject({ generation: ' Hello!' });
    expect(seen[0]).toMatchObject({ signature: 'right', body: Buffer.from(body) });
    expect(await newest(LLAMA)).toMatchObject({ api: 'bedrock_model_invoke', usage: { input_uncached: 7, output: 3 } });

    await client.send(new InvokeModelCommand({ modelId: TITAN, body: '{"inputText":"hello world"}' }));
    expect(await newest(TITAN)).toMatchObject({ usage: { input_uncached: 3, output: 0 }, usage_state: 'final' });
  });

  test('InvokeModelWithResponseStream of Claude, by the ARN of a profile, with the provider in front or without', async () => {
    for (const modelId of [ARN, `aws/${ARN}`]) {
      const body =
        '{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}';
      const command = new InvokeModelWithResponseStreamCommand({ modelId, body, contentType: 'application/json' });
      const { body: chunks = [] } = await client.send(command);
      const types: unknown[] = [];
      for await (const { chunk } of chunks) {
        const event: unknown = JSON.parse(Buffer.from(chunk?.bytes ?? []).toString());
        types.push(typeof event === 'object' && event !== null && 'type' in event ? event.type : undefined);
      }
      expect(types.at(0)).toBe('message_start');
      expect(types.at(-1)).toBe('message_stop');
      expect(await newest(modelId)).toMatchObject({
        state: 'complete',
        stream: true,
        model_served: 'claude-sonnet-4-6',
        usage: { input_uncached: 17, cache_read: 4096, cache_write_5m: 128, output: 12 },
      });
    }
    const path = `/model/${encodeURIComponent(ARN)}/invoke-with-response-stream`;
    expect(seen.map((each) => [each.path, each.signature])).toEqual([
      [path, 'right'],
      [path, 'right'],
    ]);
  });

  test('CountTokens is no usage', async () => {
    const input = { converse: { messages: HI } };
    expect(await client.send(new CountTokensCommand({ modelId: CLAUDE, input }))).toMatchObject({ inputTokens: 777 });
    const record = await newest(CLAUDE);
    expect(record).toMatchObject({ api: 'bedrock_count_tokens', usage: null, cost_nanodollars: null });
  });

  test('errors are of the class that programs catch: the provider’s, and ours', async () => {
    const converse = (modelId: string): Promise<unknown> =>
      client.send(new ConverseCommand({ modelId, messages: HI })).catch((error: unknown) => error);
    expect(await converse(THROTTLED)).toMatchObject({
      name: 'ThrottlingException',
      message: 'Too many requests, please wait before trying again.',
    });
    expect(await newest(THROTTLED)).toMatchObject({ status: 429, error: { code: 'ThrottlingException' } });
    expect(await converse('no.such-model')).toMatchObject({
      name: 'ResourceNotFoundException',
      message: expect.stringContaining('no.such-model'),
    });
    // It speaks Converse only.
    const invoked = client.send(new InvokeModelCommand({ modelId: BY_KEY, body: '{}' }));
    await expect(invoked).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: expect.stringContaining('bedrock_converse'),
    });
  });

  test('an exception that ends the provider’s stream reaches the program', async () => {
    const body = '{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[]}';
    const command = new InvokeModelWithResponseStreamCommand({ modelId: BROKEN, body });
    const { body: chunks = [] } = await client.send(command);
    const read = async (): Promise<void> => {
      for await (const each of chunks) expect(each).toHaveProperty('chunk');
    };
    await expect(read()).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect(await newest(BROKEN)).toMatchObject({
      usage_state: 'partial',
      error: { code: 'throttlingException', message: 'Too many tokens, please wait before trying again.' },
    });
  });

  test('a stream that we end ourselves ends in an exception frame with our sentence', async () => {
    const { stream = [] } = await client.send(new ConverseStreamCommand({ modelId: STALLING, messages: HI }));
    const revoked: { id: string }[] = [];
    const read = async (): Promise<void> => {
      for await (const event of stream) if (event.contentBlockDelta !== undefined) revoked.push(await revoke(STALLING));
    };
    await expect(read()).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('access was revoked for this model: enough of it'),
    });
    expect(revoked).toHaveLength(1);
    for (const { id } of revoked) await lift(id);
  });

  test('a rule that may fail open lets a binary stream pass, and its verdict says that it could not look', async () => {
    const { stream = [] } = await client.send(new ConverseStreamCommand({ modelId: SONNET, messages: HI }));
    let text = '';
    for await (const event of stream) text += event.contentBlockDelta?.delta?.text ?? '';
    expect(text).toBe('Bonjour de Paris.');
    const { id } = await newest(SONNET);
    const error = expect.stringContaining('application/vnd.amazon.eventstream');
    expect(await gateway.json(`/api/requests/${id}`)).toMatchObject({
      verdicts: [
        { rule: 'watch', side: 'request', action: 'allow', error: null },
        { rule: 'lenient', side: 'response', action: 'error', error },
      ],
    });
  });

  test('a Bedrock API key goes as a bearer, whatever the client signed', async () => {
    await client.send(new ConverseCommand({ modelId: BY_KEY, messages: HI }));
    expect(seen[0]?.headers.authorization).toBe(`Bearer ${API_KEY}`);
    expect(seen[0]?.headers).not.toHaveProperty('x-amz-date');
    expect(seen[0]?.headers).not.toHaveProperty('x-amz-security-token');
  });

  test('rules read both sides of Converse; what they changed is signed; a stream under them is refused', async () => {
    const messages: Message[] = [{ role: 'user', content: [{ text: 'I am bob@example.com' }] }];
    const answered = await client.send(new ConverseCommand({ modelId: GUARDED, messages }));
    expect(answered.output?.message?.content).toEqual([{ text: 'Write to [redacted:email].' }]);
    expect(String(seen[0]?.body)).toContain('I am [redacted:email]');
    expect(seen[0]?.signature).toBe('right');

    const stream = client.send(new ConverseStreamCommand({ modelId: GUARDED, messages }));
    await expect(stream).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('ask without streaming'),
    });
    expect(seen).toHaveLength(1);
    expect(await newest(GUARDED, 'blocked')).toMatchObject({
      denied_by: 'gateway_unguarded',
      stream: true,
    });

    // A count by InvokeModel brings its body in base64.
    const input = { invokeModel: { body: Buffer.from('{"messages":[]}') } };
    const counted = client.send(new CountTokensCommand({ modelId: GUARDED, input }));
    await expect(counted).rejects.toMatchObject({ message: expect.stringContaining('count by Converse') });
    expect(seen).toHaveLength(1);
  });
});

test('within a frame of the provider’s no frame of ours is put: the connection breaks', async () => {
  const url = new URL(gateway.url);
  const body = JSON.stringify({ messages: HI });
  const socket = connect(Number(url.port), url.hostname);
  const parts: Buffer[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  socket.on('data', (part) => parts.push(part));
  socket.on('error', () => undefined); // A reset is what is waited for.
  socket.write(
    `POST /model/${encodeURIComponent(TORN)}/converse-stream HTTP/1.1\r\nhost: ${url.host}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const sent = Buffer.concat([firstFrames(2), firstFrames(3).subarray(firstFrames(2).length, -HALF_FRAME)]);
  await until('the torn frame is there', () => Buffer.concat(parts).includes(sent.subarray(-HALF_FRAME)));
  const { id } = await revoke(TORN);
  await closed;
  const heard = Buffer.concat(parts).toString('latin1');
  expect(heard).not.toContain('exception');
  expect(heard.endsWith('0\r\n\r\n')).toBe(false);
  await lift(id);
});

test.each([
  ['POST', '/model/x/invoke-with-bidirectional-stream'],
  ['POST', '/guardrail/g/version/1/apply'],
  ['POST', '/async-invoke'],
  ['GET', '/inference-profiles?type=SYSTEM_DEFINED'],
  ['GET', '/bedrock/foundation-models'],
])('%s %s is refused in AWS’s shape', async (method, path) => {
  const response = await fetch(gateway.url + path, { method, headers: { 'anthropic-version': '2023-06-01' } });
  expect(response.status).toBe(404);
  expect(response.headers.get('x-amzn-errortype')).toBe('ResourceNotFoundException');
  expect(await response.json()).toEqual({ message: expect.stringContaining('gateway:') });
});

async function revoke(model: string): Promise<{ id: string }> {
  const value = JSON.stringify({ kind: 'model', value: model, reason: 'enough of it' });
  const response = await fetch(`${gateway.url}/api/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: value,
  });
  expect(response.status).toBe(201);
  return (await response.json()) as { id: string };
}

async function lift(id: string): Promise<void> {
  const response = await fetch(`${gateway.url}/api/revocations/${id}`, { method: 'DELETE' });
  expect(response.status).toBe(204);
}
