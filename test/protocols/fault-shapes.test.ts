import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { fromUtf8, toUtf8 } from '@smithy/core/serde';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Dialect } from '../../src/contract/api.ts';
import { answerTo } from '../../src/contract/fault.ts';
import type { Fault, FaultCode } from '../../src/contract/fault.ts';
import { providerId, ruleId } from '../../src/contract/ids.ts';
import { faultEvent, shapeFault } from '../../src/protocols/fault-shapes.ts';

const ID = '019a0000-0000-7000-8000-000000000001';
const DIALECTS: Dialect[] = ['openai', 'openai_responses', 'anthropic', 'google', 'aws', 'plain', 'openai_socket'];

/** One of each: a new code does not compile until it stands here. */
const EVERY: { [C in FaultCode]: Extract<Fault, { code: C }> } = {
  no_identity: { code: 'no_identity', why: 'whois is away' },
  no_role: { code: 'no_role', login: 'eve@example.com' },
  forbidden: { code: 'forbidden', what: 'admins only' },
  host_refused: { code: 'host_refused', host: 'evil.example' },
  cross_site_refused: { code: 'cross_site_refused' },
  path_unknown: { code: 'path_unknown', method: 'POST', path: '/v1/x' },
  method_not_allowed: { code: 'method_not_allowed', method: 'GET', path: '/v1/messages', allow: 'POST' },
  upgrade_refused: { code: 'upgrade_refused' },
  frame_refused: { code: 'frame_refused', why: 'messages here are text' },
  bad_parameter: { code: 'bad_parameter', name: 'limit', why: 'is not a number' },
  not_found: { code: 'not_found', what: 'the request' },
  headers_too_large: { code: 'headers_too_large', limitBytes: 16384 },
  body_too_large: { code: 'body_too_large', limitBytes: 67108864, decoded: true },
  body_timeout: { code: 'body_timeout', afterMs: 30000 },
  body_encoding_unsupported: { code: 'body_encoding_unsupported', encoding: 'lzma' },
  body_encoding_invalid: { code: 'body_encoding_invalid', encoding: 'gzip' },
  body_not_json: { code: 'body_not_json', why: 'no value where one belongs', atByte: 7 },
  body_duplicate_key: { code: 'body_duplicate_key', key: 'model', atByte: 13 },
  body_bad_field: { code: 'body_bad_field', field: 'model', why: 'must be a string' },
  model_missing: { code: 'model_missing' },
  model_unknown: { code: 'model_unknown', model: 'gpt-9 "quoted"\n' },
  model_other_api: { code: 'model_other_api', model: 'm', asked: 'openai_chat', served: ['openai_responses'] },
  previous_response_not_found: { code: 'previous_response_not_found', id: 'resp_1' },
  resource_elsewhere: { code: 'resource_elsewhere', why: 'kept at another provider' },
  resource_key_gone: { code: 'resource_key_gone', provider: 'openai' },
  quota_exceeded: {
    code: 'quota_exceeded',
    buckets: ['daily:eve'],
    retryAfterSeconds: 61.2,
    status: 429,
    why: 'empty',
  },
  quota_unavailable: { code: 'quota_unavailable', buckets: ['daily:eve'], why: 'no answer within 2 s' },
  guardrail_blocked: {
    code: 'guardrail_blocked',
    rule: ruleId('pii'),
    side: 'request',
    status: 403,
    message: 'request blocked by guardrail',
  },
  unguarded: { code: 'unguarded', rule: ruleId('pii'), what: 'a binary event stream' },
  guardrail_unavailable: { code: 'guardrail_unavailable', rule: ruleId('pii'), why: 'timeout' },
  overloaded: { code: 'overloaded', what: 'bytes in flight', limit: 1000 },
  journal_full: { code: 'journal_full', limitBytes: 1000 },
  journal_failed: { code: 'journal_failed', why: 'EIO' },
  draining: { code: 'draining' },
  provider_misconfigured: { code: 'provider_misconfigured', provider: providerId('p'), why: 'no key' },
  upstream_unreachable: { code: 'upstream_unreachable', provider: 'p', why: 'ECONNREFUSED' },
  upstream_timeout: { code: 'upstream_timeout', provider: 'p', phase: 'first_byte', afterMs: 1000 },
  upstream_broken: { code: 'upstream_broken', provider: 'p', why: 'ECONNRESET' },
  upstream_invalid: { code: 'upstream_invalid', provider: 'p', why: 'HPE_INVALID_CONSTANT' },
  inspector_failed: { code: 'inspector_failed', why: 'exit 1' },
  client_gone: { code: 'client_gone' },
  revoked: { code: 'revoked', kind: 'login', reason: 'the laptop was stolen' },
  token_refused: { code: 'token_refused', why: 'expired' },
  store_unavailable: { code: 'store_unavailable', why: 'ECONNREFUSED' },
  control_stale: { code: 'control_stale', ageSeconds: 61, limitSeconds: 60 },
  config_refused: { code: 'config_refused', why: 'config must not be empty' },
  config_conflict: { code: 'config_conflict', hash: 'ab12' },
  config_readonly: { code: 'config_readonly' },
  config_unwritable: { code: 'config_unwritable', why: 'EROFS' },
  internal: { code: 'internal', reference: 'abc' },
};
const faults: Fault[] = Object.values(EVERY);

/** Answers each request with the fault that its path names, as the front door would. */
const server = createServer((request, response) => {
  const [, dialect, code = ''] = (request.url ?? '').split('/');
  const fault = faults.find((one) => one.code === code);
  const known = DIALECTS.find((one) => one === dialect);
  if (fault === undefined || known === undefined) throw new Error(`no such case: ${request.url ?? ''}`);
  request.resume();
  const shaped = shapeFault(known, fault, ID);
  for (const [name, value] of shaped.headers) response.setHeader(name, value);
  response.setHeader('x-request-id', ID);
  response.writeHead(shaped.status).end(shaped.body);
});
let origin = '';
let requests = 0;
server.on('request', () => {
  requests += 1;
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? String(address?.port) : ''}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function thrown(call: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function openaiError(code: FaultCode, dialect: Dialect = 'openai', maxRetries = 0): Promise<unknown> {
  const client = new OpenAI({ apiKey: '-', baseURL: `${origin}/${dialect}/${code}`, maxRetries });
  return thrown(() => client.chat.completions.create({ model: 'm', messages: [] }));
}

function anthropicError(code: FaultCode, maxRetries = 0): Promise<unknown> {
  const client = new Anthropic({ apiKey: '-', baseURL: `${origin}/anthropic/${code}`, maxRetries });
  return thrown(() => client.messages.create({ model: 'm', max_tokens: 1, messages: [] }));
}

describe('the official OpenAI SDK', () => {
  test.each<[FaultCode, new (...args: never[]) => Error, string]>([
    ['body_not_json', OpenAI.BadRequestError, 'invalid_request_error'],
    ['no_identity', OpenAI.AuthenticationError, 'authentication_error'],
    ['no_role', OpenAI.PermissionDeniedError, 'permission_error'],
    ['model_unknown', OpenAI.NotFoundError, 'invalid_request_error'],
    ['body_too_large', OpenAI.APIError, 'invalid_request_error'],
    ['overloaded', OpenAI.InternalServerError, 'server_error'],
    ['upstream_timeout', OpenAI.InternalServerError, 'server_error'],
  ])('%s is its own class, with message, code, type and request id', async (code, kind, type) => {
    const error = await openaiError(code);
    const answer = answerTo(EVERY[code]);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status: answer.status, code: `gateway_${code}`, type, param: null, requestID: ID });
    expect(error).toMatchObject({ message: `${answer.status} ${answer.message}` });
  });

  test('a spent quota and a block have the bodies that Aperture documents', async () => {
    const quota = await openaiError('quota_exceeded');
    expect(quota).toBeInstanceOf(OpenAI.RateLimitError);
    expect(quota).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' });
    const blocked = await openaiError('guardrail_blocked');
    expect(blocked).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(blocked).toMatchObject({ type: 'guardrail_blocked' });
  });

  test('a spent quota is not asked for again, though its status is 429; an overload is', async () => {
    requests = 0;
    await openaiError('quota_exceeded', 'openai', 2);
    expect(requests).toBe(1);
    requests = 0;
    await openaiError('overloaded', 'openai', 1);
    expect(requests).toBe(2);
  });

  test('the Responses dialect has the same bodies', async () => {
    const error = await openaiError('model_unknown', 'openai_responses');
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'gateway_model_unknown' });
  });
});

describe('the official Anthropic SDK', () => {
  test.each<[FaultCode, new (...args: never[]) => Error, string]>([
    ['body_not_json', Anthropic.BadRequestError, 'invalid_request_error'],
    ['no_identity', Anthropic.AuthenticationError, 'authentication_error'],
    ['no_role', Anthropic.PermissionDeniedError, 'permission_error'],
    ['model_unknown', Anthropic.NotFoundError, 'not_found_error'],
    ['body_too_large', Anthropic.APIError, 'request_too_large'],
    ['quota_exceeded', Anthropic.RateLimitError, 'rate_limit_error'],
    ['guardrail_blocked', Anthropic.PermissionDeniedError, 'invalid_request_error'],
    ['overloaded', Anthropic.InternalServerError, 'overloaded_error'],
    ['guardrail_unavailable', Anthropic.InternalServerError, 'api_error'],
    ['upstream_broken', Anthropic.InternalServerError, 'api_error'],
    ['upstream_timeout', Anthropic.InternalServerError, 'timeout_error'],
  ])('%s is its own class, with message, type and request id', async (code, kind, type) => {
    const error = await anthropicError(code);
    const answer = answerTo(EVERY[code]);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status: answer.status, type, requestID: ID });
    expect(error).toMatchObject({
      error: {
        type: 'error',
        error: { type, message: answer.message, details: { error_code: `gateway_${code}` } },
        request_id: ID,
      },
    });
  });

  test('a spent quota is not asked for again', async () => {
    requests = 0;
    await anthropicError('quota_exceeded', 2);
    expect(requests).toBe(1);
  });
});

describe('bodies', () => {
  const bodyOf = (dialect: Dialect, fault: Fault): unknown => JSON.parse(shapeFault(dialect, fault, ID).body);

  test.each(DIALECTS)('%s: every fault is JSON with its message, its status, and a content type', (dialect) => {
    for (const fault of faults) {
      const answer = answerTo(fault);
      const shaped = shapeFault(dialect, fault, ID);
      expect(shaped.status).toBe(answer.status);
      expect(shaped.headers.filter(([name]) => name === 'content-type')).toEqual([
        ['content-type', 'application/json'],
      ]);
      const names = shaped.headers.map(([name]) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const [name, value] of shaped.headers) expect(`${name}:${value}`).toMatch(/^[a-z-]+:[\x20-\x7e]+$/);
      const text = JSON.stringify(JSON.parse(shaped.body));
      expect(text).toContain(JSON.stringify(answer.message.replace(/^gateway: /, '')).slice(1, -1));
    }
  });

  test('no role: the JSON that clients of Aperture know', () => {
    expect(bodyOf('plain', EVERY.no_role)).toEqual({ error: 'access denied: no role granted' });
    for (const dialect of DIALECTS) {
      expect(shapeFault(dialect, EVERY.no_role, ID).body).toContain('access denied: no role granted');
    }
    expect(bodyOf('plain', EVERY.not_found)).toEqual({ error: 'the request was not found', code: 'gateway_not_found' });
  });

  test('Google: a numeric code, a status name, the reason, and the delay where one is known', () => {
    expect(bodyOf('google', EVERY.quota_exceeded)).toEqual({
      error: {
        code: 429,
        message:
          'gateway: too little is left in this gateway\'s budget "daily:eve". Enough will have flowed back in about ' +
          '62 seconds; an admin of the gateway can refill it sooner',
        status: 'RESOURCE_EXHAUSTED',
        details: [
          { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'GATEWAY_QUOTA_EXCEEDED', domain: 'gateway' },
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '62s' },
        ],
      },
    });
    const blocked: Fault = { ...EVERY.guardrail_blocked, status: 451 };
    expect(bodyOf('google', blocked)).toMatchObject({ error: { code: 451, status: 'PERMISSION_DENIED' } });
    expect(bodyOf('google', EVERY.model_unknown)).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
    expect(bodyOf('google', EVERY.body_not_json)).toMatchObject({ error: { code: 400, status: 'INVALID_ARGUMENT' } });
    expect(bodyOf('google', EVERY.overloaded)).toMatchObject({ error: { code: 503, status: 'UNAVAILABLE' } });
  });

  test('Anthropic: a block is an invalid request, whatever status the rule chose', () => {
    const blocked: Fault = { ...EVERY.guardrail_blocked, status: 429 };
    expect(shapeFault('anthropic', blocked, ID).status).toBe(429);
    expect(bodyOf('anthropic', blocked)).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  test.each<[FaultCode, string]>([
    ['no_role', 'AccessDeniedException'],
    ['model_unknown', 'ResourceNotFoundException'],
    ['body_not_json', 'ValidationException'],
    ['quota_exceeded', 'ThrottlingException'],
    ['guardrail_blocked', 'AccessDeniedException'],
    ['overloaded', 'ServiceUnavailableException'],
    ['upstream_timeout', 'ModelTimeoutException'],
    ['internal', 'InternalServerException'],
  ])('AWS: %s is %s', (code, type) => {
    const shaped = shapeFault('aws', EVERY[code], ID);
    expect(shaped.headers).toContainEqual(['x-amzn-errortype', type]);
    expect(shaped.headers).toContainEqual(['x-amzn-requestid', ID]);
    expect(JSON.parse(shaped.body)).toEqual({ message: answerTo(EVERY[code]).message });
  });

  test('failure mode 32: too large a body says who refused it, and at what size', () => {
    for (const dialect of DIALECTS) {
      const shaped = shapeFault(dialect, EVERY.body_too_large, ID);
      expect(shaped.status).toBe(413);
      expect(shaped.body).toContain("this gateway's limit of 67108864 bytes after decompression");
    }
  });
});

describe('headers', () => {
  const headersOf = (fault: Fault): Record<string, string> =>
    Object.fromEntries(shapeFault('openai', fault, ID).headers);

  test('a delay is whole seconds, rounded up, and says whether it is worth while', () => {
    expect(headersOf(EVERY.quota_exceeded)).toMatchObject({ 'retry-after': '62', 'x-should-retry': 'false' });
    expect(headersOf(EVERY.draining)).toMatchObject({ 'retry-after': '1', 'x-should-retry': 'true' });
    expect(headersOf(EVERY.guardrail_blocked)).toMatchObject({ 'x-should-retry': 'false' });
    expect(headersOf(EVERY.internal)).toEqual({ 'content-type': 'application/json' });
  });

  test('a wrong method names the right one', () => {
    expect(headersOf(EVERY.method_not_allowed)).toMatchObject({ allow: 'POST' });
  });
});

describe('failure mode 21: the event that ends a stream of ours', () => {
  /** The fields of the one event. */
  function fieldsOf(event: string | Uint8Array | undefined): [string, string][] {
    return String(event ?? '')
      .trimEnd()
      .split(/\r?\n/)
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
  }
  const message = answerTo(EVERY.revoked).message;

  test('OpenAI chat: an error object', () => {
    const [[field, data] = []] = fieldsOf(faultEvent('openai', EVERY.revoked, ID));
    expect(field).toBe('data');
    expect(JSON.parse(data ?? '')).toEqual({
      error: { message, type: 'permission_error', code: 'gateway_revoked', param: null },
    });
  });

  test('OpenAI responses: an event whose fields stand at the top', () => {
    const [name, data] = fieldsOf(faultEvent('openai_responses', EVERY.revoked, ID));
    expect(name).toEqual(['event', 'error']);
    expect(JSON.parse(data?.[1] ?? '')).toEqual({
      type: 'error',
      code: 'gateway_revoked',
      message,
      param: null,
      sequence_number: 0,
    });
  });

  test('Anthropic: an error event', () => {
    const [name, data] = fieldsOf(faultEvent('anthropic', EVERY.revoked, ID));
    expect(name).toEqual(['event', 'error']);
    expect(JSON.parse(data?.[1] ?? '')).toMatchObject({
      type: 'error',
      error: { type: 'permission_error', message },
      request_id: ID,
    });
  });

  test('Google: one data line and nothing beside it, ended as Google ends its lines', () => {
    const event = faultEvent('google', EVERY.upstream_timeout, ID);
    expect(event).toMatch(/^data: .*\r\n\r\n$/);
    const [[, data] = []] = fieldsOf(event);
    expect(JSON.parse(data ?? '')).toMatchObject({ error: { code: 504, status: 'DEADLINE_EXCEEDED' } });
  });

  test.each([
    [EVERY.revoked, 'validationException'],
    [EVERY.upstream_timeout, 'internalServerException'],
    [EVERY.draining, 'serviceUnavailableException'],
  ])('AWS: an exception frame that its own reader takes', (fault, type) => {
    const frame = faultEvent('aws', fault, ID);
    // Checks both sums.
    const read = new EventStreamCodec(toUtf8, fromUtf8).decode(frame instanceof Uint8Array ? frame : new Uint8Array());
    expect(read.headers).toEqual({
      ':message-type': { type: 'string', value: 'exception' },
      ':exception-type': { type: 'string', value: type },
      ':content-type': { type: 'string', value: 'application/json' },
    });
    expect(JSON.parse(Buffer.from(read.body).toString('utf8'))).toEqual({ message: answerTo(fault).message });
  });

  test('elsewhere there is none', () => {
    expect(faultEvent('plain', EVERY.revoked, ID)).toBeUndefined();
  });

  test('every fault is one event, however odd its words', () => {
    for (const dialect of DIALECTS.slice(0, 4)) {
      for (const fault of faults) {
        const event = String(faultEvent(dialect, fault, ID) ?? '');
        expect(event).toMatch(/\n\r?\n$/);
        expect(event.trimEnd().split(/\r?\n/).length).toBe(dialect === 'openai' || dialect === 'google' ? 1 : 2);
      }
    }
  });
});

describe('the SDKs throw our event out of a stream', () => {
  /** A stream that begins well and is ended by us. */
  function streaming(dialect: Dialect, first: string, fault: Fault): Promise<{ url: string; close: () => void }> {
    const broken = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`${first}\n\n${String(faultEvent(dialect, fault, ID) ?? '')}`);
    });
    return new Promise((resolve) => {
      broken.listen(0, '127.0.0.1', () => {
        const address = broken.address();
        const port = typeof address === 'object' ? String(address?.port) : '';
        resolve({
          url: `http://127.0.0.1:${port}`,
          close: () => {
            broken.closeAllConnections();
            broken.close();
          },
        });
      });
    });
  }

  test('openai, chat', async () => {
    const { url, close } = await streaming('openai', 'data: {"id":"c","choices":[]}\n\n', EVERY.revoked);
    const client = new OpenAI({ apiKey: '-', baseURL: url, maxRetries: 0 });
    const error = await thrown(async () => {
      for await (const _ of await client.chat.completions.create({ model: 'm', messages: [], stream: true }));
    });
    close();
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(String(error)).toContain('access was revoked');
  });

  test('openai, responses', async () => {
    const { url, close } = await streaming('openai_responses', '', EVERY.revoked);
    const client = new OpenAI({ apiKey: '-', baseURL: url, maxRetries: 0 });
    const error = await thrown(async () => {
      for await (const _ of await client.responses.create({ model: 'm', input: 'x', stream: true }));
    });
    close();
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(String(error)).toContain('access was revoked');
  });

  test('anthropic', async () => {
    const { url, close } = await streaming('anthropic', 'event: ping\ndata: {"type":"ping"}\n\n', EVERY.revoked);
    const client = new Anthropic({ apiKey: '-', baseURL: url, maxRetries: 0 });
    const error = await thrown(async () => {
      const stream = await client.messages.create({ model: 'm', max_tokens: 1, messages: [], stream: true });
      for await (const _ of stream);
    });
    close();
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ type: 'permission_error' });
    expect(String(error)).toContain('access was revoked');
  });
});
