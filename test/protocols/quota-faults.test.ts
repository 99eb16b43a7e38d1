import { createServer } from 'node:http';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Dialect } from '../../src/contract/api.ts';
import { answerTo } from '../../src/contract/fault.ts';
import type { Fault } from '../../src/contract/fault.ts';
import { shapeFault } from '../../src/protocols/fault-shapes.ts';

const ID = '019a0000-0000-7000-8000-000000000001';

type Exceeded = Extract<Fault, { code: 'quota_exceeded' }>;

const STATUSES = [400, 402, 403, 429] as const;
const DIALECTS: Dialect[] = ['openai', 'openai_responses', 'anthropic', 'google', 'aws', 'plain'];

function exceeded(more: Partial<Exceeded> = {}): Exceeded {
  return {
    code: 'quota_exceeded',
    buckets: ['daily:alice@example.com'],
    retryAfterSeconds: 10_000.5,
    status: 429,
    why: 'empty',
    ...more,
  };
}

const TEXT =
  'too little is left in this gateway\'s budget "daily:alice@example.com". Enough will have flowed back in about 3 hours; ' +
  'an admin of the gateway can refill it sooner';
const MESSAGE = `gateway: ${TEXT}`;

const errorInfo = {
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason: 'GATEWAY_QUOTA_EXCEEDED',
  domain: 'gateway',
};

function openaiBody(type: string, code: string) {
  return { error: { message: MESSAGE, type, code, param: null } };
}

function anthropicBody(type: string) {
  return {
    type: 'error',
    error: { type, message: MESSAGE, details: { error_code: 'gateway_quota_exceeded' } },
    request_id: ID,
  };
}

/** By hand: aperture.md, section 5.3, for a 429; otherwise the type that each API has for the status. */
const OPENAI_BODIES: Record<Exceeded['status'], unknown> = {
  400: openaiBody('invalid_request_error', 'gateway_quota_exceeded'),
  402: openaiBody('invalid_request_error', 'gateway_quota_exceeded'),
  403: openaiBody('permission_error', 'gateway_quota_exceeded'),
  429: openaiBody('insufficient_quota', 'insufficient_quota'),
};
/** The same object in a frame, with its status. */
function socketBodies(): Record<Exceeded['status'], unknown> {
  const frame = (status: Exceeded['status'], type: string, code: string): unknown => {
    return { type: 'error', status, ...openaiBody(type, code) };
  };
  return {
    400: frame(400, 'invalid_request_error', 'gateway_quota_exceeded'),
    402: frame(402, 'invalid_request_error', 'gateway_quota_exceeded'),
    403: frame(403, 'permission_error', 'gateway_quota_exceeded'),
    429: frame(429, 'insufficient_quota', 'insufficient_quota'),
  };
}
const BODIES: Record<Dialect, Record<Exceeded['status'], unknown>> = {
  openai: OPENAI_BODIES,
  openai_responses: OPENAI_BODIES,
  openai_socket: socketBodies(),
  anthropic: {
    400: anthropicBody('invalid_request_error'),
    402: anthropicBody('billing_error'),
    403: anthropicBody('permission_error'),
    429: anthropicBody('rate_limit_error'),
  },
  google: {
    400: { error: { code: 400, message: MESSAGE, status: 'INVALID_ARGUMENT', details: [errorInfo] } },
    402: { error: { code: 402, message: MESSAGE, status: 'FAILED_PRECONDITION', details: [errorInfo] } },
    403: { error: { code: 403, message: MESSAGE, status: 'PERMISSION_DENIED', details: [errorInfo] } },
    429: {
      error: {
        code: 429,
        message: MESSAGE,
        status: 'RESOURCE_EXHAUSTED',
        details: [errorInfo, { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '10001s' }],
      },
    },
  },
  aws: {
    400: { message: MESSAGE },
    402: { message: MESSAGE },
    403: { message: MESSAGE },
    429: { message: MESSAGE },
  },
  plain: {
    400: { error: TEXT, code: 'gateway_quota_exceeded' },
    402: { error: TEXT, code: 'gateway_quota_exceeded' },
    403: { error: TEXT, code: 'gateway_quota_exceeded' },
    429: { error: TEXT, code: 'gateway_quota_exceeded' },
  },
};
const AWS_TYPES: Record<Exceeded['status'], string> = {
  400: 'ValidationException',
  402: 'ValidationException',
  403: 'AccessDeniedException',
  429: 'ThrottlingException',
};
const OWN_HEADERS: Partial<Record<Dialect, (status: Exceeded['status']) => [string, string][]>> = {
  anthropic: () => [['request-id', ID]],
  aws: (status) => [
    ['x-amzn-errortype', AWS_TYPES[status]],
    ['x-amzn-requestid', ID],
  ],
};

const CASES = DIALECTS.flatMap((dialect) => STATUSES.map((status) => ({ dialect, status })));

test.each(CASES)('a spent budget in $dialect with status $status', ({ dialect, status }) => {
  const shaped = shapeFault(dialect, exceeded({ status }), ID);
  expect(shaped.status).toBe(status);
  expect(JSON.parse(shaped.body)).toEqual(BODIES[dialect][status]);
  expect(Object.fromEntries(shaped.headers)).toEqual({
    'content-type': 'application/json',
    'x-should-retry': 'false',
    ...(status === 429 ? { 'retry-after': '10001' } : {}),
    ...Object.fromEntries(OWN_HEADERS[dialect]?.(status) ?? []),
  });
});

test.each<[number | undefined, string | undefined, string]>([
  [0, '1', '. Enough will have flowed back in about 1 second; an admin of the gateway can refill it sooner'],
  [-3, '1', '. Enough will have flowed back in about 1 second; an admin of the gateway can refill it sooner'],
  [0.2, '1', '. Enough will have flowed back in about 1 second; an admin of the gateway can refill it sooner'],
  [119, '119', '. Enough will have flowed back in about 119 seconds; an admin of the gateway can refill it sooner'],
  [120.5, '121', '. Enough will have flowed back in about 3 minutes; an admin of the gateway can refill it sooner'],
  [7_200, '7200', '. Enough will have flowed back in about 2 hours; an admin of the gateway can refill it sooner'],
  [172_801, '172801', '. Enough will have flowed back in about 3 days; an admin of the gateway can refill it sooner'],
  [
    1e21,
    '2147483648',
    '. Enough will have flowed back in about 24856 days; an admin of the gateway can refill it sooner',
  ],
  [undefined, undefined, ', and waiting will not bring enough back: ask an admin of the gateway'],
  [Infinity, undefined, ', and waiting will not bring enough back: ask an admin of the gateway'],
  [NaN, undefined, ', and waiting will not bring enough back: ask an admin of the gateway'],
])('after %s seconds: retry-after %s', (retryAfterSeconds, header, ending) => {
  const fault = exceeded({ retryAfterSeconds, buckets: ['org'] });
  const headers = Object.fromEntries(shapeFault('openai', fault, ID).headers);
  expect(headers['retry-after']).toBe(header);
  expect(headers['x-should-retry']).toBe('false');
  expect(answerTo(fault).message).toBe(`gateway: too little is left in this gateway's budget "org"${ending}`);
});

test.each<[string, Fault, string]>([
  [
    'several buckets',
    exceeded({ buckets: ['a', 'b'], retryAfterSeconds: undefined }),
    'too little is left in this gateway\'s budgets "a", "b", and waiting will not ' +
      'bring enough back: ask an admin of the gateway',
  ],
  [
    'more than anybody reads',
    exceeded({ buckets: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], retryAfterSeconds: undefined }),
    'too little is left in this gateway\'s budgets "a", "b", "c", "d", "e", 2 more, and waiting will not ' +
      'bring enough back: ask an admin of the gateway',
  ],
  [
    'no bound',
    exceeded({ why: 'unbounded', detail: 'no output limit', retryAfterSeconds: undefined }),
    'this gateway\'s budget "daily:alice@example.com" must cover the most that a request can cost, and nothing bounds ' +
      'this one (no output limit). Set max_tokens, or what your API calls it, and leave out what has no bound; or ask ' +
      'an admin of the gateway',
  ],
  [
    'no such quota',
    exceeded({ why: 'undefined', buckets: ['dialy:<user>'], retryAfterSeconds: undefined }),
    'a grant names this gateway\'s budget "dialy:<user>", which does not exist in its config. Requests are refused until ' +
      'an admin of the gateway has mended that',
  ],
])('the message for %s', (_what, fault, text) => {
  expect(answerTo(fault).message).toBe(`gateway: ${text}`);
  expect(answerTo(fault)).toMatchObject({ status: 429, code: 'gateway_quota_exceeded', shouldRetry: false });
});

const UNAVAILABLE: Fault = { code: 'quota_unavailable', buckets: ['org', 'daily:eve'], why: 'no answer within 2 s' };
const UNAVAILABLE_TEXT =
  'what is left of this gateway\'s budgets "org", "daily:eve" cannot be told just now: no answer within 2 s. ' +
  'The quota is set to refuse then (fail: closed)';

test.each<[Dialect, unknown]>([
  [
    'openai',
    {
      error: {
        message: `gateway: ${UNAVAILABLE_TEXT}`,
        type: 'server_error',
        code: 'gateway_quota_unavailable',
        param: null,
      },
    },
  ],
  [
    'anthropic',
    {
      type: 'error',
      error: {
        type: 'overloaded_error',
        message: `gateway: ${UNAVAILABLE_TEXT}`,
        details: { error_code: 'gateway_quota_unavailable' },
      },
      request_id: ID,
    },
  ],
  [
    'google',
    {
      error: {
        code: 503,
        message: `gateway: ${UNAVAILABLE_TEXT}`,
        status: 'UNAVAILABLE',
        details: [
          { ...errorInfo, reason: 'GATEWAY_QUOTA_UNAVAILABLE' },
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1s' },
        ],
      },
    },
  ],
  ['aws', { message: `gateway: ${UNAVAILABLE_TEXT}` }],
  ['plain', { error: UNAVAILABLE_TEXT, code: 'gateway_quota_unavailable' }],
])('with the store away, in %s: 503, and worth another try', (dialect, body) => {
  const shaped = shapeFault(dialect, UNAVAILABLE, ID);
  expect(shaped.status).toBe(503);
  expect(JSON.parse(shaped.body)).toEqual(body);
  expect(shaped.headers).toContainEqual(['retry-after', '1']);
  expect(shaped.headers).toContainEqual(['x-should-retry', 'true']);
  if (dialect === 'aws') expect(shaped.headers).toContainEqual(['x-amzn-errortype', 'ServiceUnavailableException']);
});

describe('the official SDKs', () => {
  let requests = 0;
  /** `/<dialect>/<status>/…`: refuses with that status. */
  const server = createServer((request, response) => {
    requests += 1;
    const [, named, number] = (request.url ?? '').split('/');
    const dialect = DIALECTS.find((each) => each === named) ?? 'plain';
    const status = STATUSES.find((each) => String(each) === number) ?? 429;
    request.resume();
    const shaped = shapeFault(dialect, exceeded({ status }), ID);
    for (const [name, value] of shaped.headers) response.setHeader(name, value);
    response.writeHead(shaped.status).end(shaped.body);
  });
  let origin = '';

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    origin = `http://127.0.0.1:${typeof address === 'object' ? String(address?.port) : ''}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function thrown(call: () => PromiseLike<unknown>): Promise<unknown> {
    requests = 0;
    try {
      await call();
    } catch (error) {
      return error;
    }
    throw new Error('nothing was thrown');
  }

  type ErrorClass = new (...args: never[]) => Error;
  const OPENAI: [Exceeded['status'], ErrorClass, string, string][] = [
    [400, OpenAI.BadRequestError, 'invalid_request_error', 'gateway_quota_exceeded'],
    [402, OpenAI.APIError, 'invalid_request_error', 'gateway_quota_exceeded'],
    [403, OpenAI.PermissionDeniedError, 'permission_error', 'gateway_quota_exceeded'],
    [429, OpenAI.RateLimitError, 'insufficient_quota', 'insufficient_quota'],
  ];

  describe.each([false, true])('stream: %s', (stream) => {
    test.each(OPENAI)('openai, chat, %s: its class, said once, not asked again', async (status, kind, type, code) => {
      const client = new OpenAI({ apiKey: '-', baseURL: `${origin}/openai/${status}`, maxRetries: 2 });
      const error = await thrown(() => client.chat.completions.create({ model: 'm', messages: [], stream }));
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ status, type, code, message: `${status} ${MESSAGE}` });
      expect(requests).toBe(1);
    });

    test.each(OPENAI)('openai, responses, %s', async (status, kind, type, code) => {
      const client = new OpenAI({ apiKey: '-', baseURL: `${origin}/openai_responses/${status}`, maxRetries: 2 });
      const error = await thrown(() => client.responses.create({ model: 'm', input: 'x', stream }));
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ status, type, code, message: `${status} ${MESSAGE}` });
      expect(requests).toBe(1);
    });

    test.each<[Exceeded['status'], ErrorClass, string]>([
      [400, Anthropic.BadRequestError, 'invalid_request_error'],
      [402, Anthropic.APIError, 'billing_error'],
      [403, Anthropic.PermissionDeniedError, 'permission_error'],
      [429, Anthropic.RateLimitError, 'rate_limit_error'],
    ])('anthropic, %s', async (status, kind, type) => {
      const client = new Anthropic({ apiKey: '-', baseURL: `${origin}/anthropic/${status}`, maxRetries: 2 });
      const error = await thrown(() => client.messages.create({ model: 'm', max_tokens: 1, messages: [], stream }));
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ status, type, requestID: ID });
      expect(String(error)).toContain('about 3 hours');
      expect(requests).toBe(1);
    });
  });
});
