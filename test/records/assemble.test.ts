import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Closed } from '../../src/contract/exchange.ts';
import type { Facts } from '../../src/contract/facts.ts';
import { JOB_BYTES } from '../../src/contract/limits.ts';
import { ExchangeRecord } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import { assemble } from '../../src/records/assemble.ts';
import { closed, facts, opened, RECEIVED_MS } from './parts.ts';

function record(parts: { closed?: Closed; facts?: Facts; status?: number; missingFrames?: number }): ExchangeRecord {
  return assemble({
    opened: opened(),
    closed: parts.closed,
    facts: parts.facts,
    gateway: 'gw-a',
    segment: 7,
    missingFrames: parts.missingFrames ?? 0,
    remains: { status: parts.status ?? 0, request_bytes: 120, response_bytes: 77, last_at_ms: null },
  });
}

test('a finished exchange has all its fields, and the schema of records takes them', () => {
  const exchange = opened();
  const made = assemble({ opened: exchange, closed: closed(), facts: facts(), gateway: 'gw-a', segment: 7 });
  expect(ExchangeRecord.parse(made)).toEqual(made);
  expect(made).toMatchObject({
    id: exchange.id,
    gateway: 'gw-a',
    segment: 7,
    received_at: RECEIVED_MS,
    first_byte_at: RECEIVED_MS + 200,
    ended_at: RECEIVED_MS + 900,
    state: 'complete',
    status: 200,
    stream: true,
    usage: { input_uncached: 10, output: 5, reasoning: 0 },
    usage_state: 'final',
    usage_flags: [],
    cost_nanodollars: '105000',
    cost_basis: 'anthropic/claude-sonnet-4-6',
    stop_reason: 'end_turn',
    session_id: 's-1',
    session_base: 's-1',
    request_bytes: 120,
    response_bytes: 3400,
    error: null,
  });
});

describe('how an exchange ended', () => {
  const gone = { code: 'gateway_client_gone', message: 'gateway: the client left' };
  const overloaded = { where: 'stream', type: 'overloaded_error', code: null, message: 'Overloaded' } as const;

  test('a client that hangs up after the last event saw it all: complete', () => {
    expect(record({ closed: closed({ state: 'aborted', error: gone }), facts: facts() })).toMatchObject({
      state: 'complete',
      error: null,
    });
  });

  test('failure mode 9: a client that hangs up before is aborted, with what usage there was', () => {
    const response = { complete: false, terminator: null, stop_reason: null, usage_state: 'partial' } as const;
    expect(record({ closed: closed({ state: 'aborted', error: gone }), facts: facts({ response }) })).toMatchObject({
      state: 'aborted',
      error: gone,
      usage: { output: 5 },
      usage_state: 'partial',
      cost_nanodollars: '105000',
    });
  });

  test('failure mode 10: we died, and the response had reached its end: the client may have seen it finish', () => {
    expect(record({ facts: facts(), status: 200 })).toMatchObject({
      state: 'complete',
      status: 200,
      error: null,
      usage_state: 'final',
      response_bytes: 77,
      ended_at: RECEIVED_MS,
    });
  });

  test('failure mode 10: we died before the end: interrupted, and not without a record', () => {
    const response = { complete: false, terminator: null, usage: null, usage_state: 'absent' } as const;
    expect(record({ facts: facts({ response, cost_nanodollars: null }), status: 200 })).toMatchObject({
      state: 'interrupted',
      usage: null,
      usage_state: 'absent',
      cost_nanodollars: null,
      error: { code: 'gateway_interrupted' },
    });
    expect(record({})).toMatchObject({
      state: 'interrupted',
      status: 0,
      usage: null,
      session_base: expect.any(String),
    });
  });

  test('we died after a provider said that it failed: an error', () => {
    expect(record({ facts: facts({ response: { error: overloaded } }), status: 200 })).toMatchObject({
      state: 'error',
    });
    expect(record({ facts: facts(), status: 500 })).toMatchObject({ state: 'error', error: { code: 'http_500' } });
  });

  test('failure mode 21: an error inside a stream of status 200 is an error', () => {
    const response = { complete: false, error: overloaded, usage_state: 'partial' } as const;
    expect(record({ closed: closed(), facts: facts({ response }) })).toMatchObject({
      state: 'error',
      status: 200,
      error: { code: 'overloaded_error', message: 'Overloaded' },
    });
  });

  test('an error answer of the provider is an error', () => {
    const error = { where: 'http', type: 'rate_limit_error', code: null, message: 'Slow down' } as const;
    const response = { error, usage: null, usage_state: 'absent' } as const;
    expect(record({ closed: closed({ status: 429 }), facts: facts({ response }) })).toMatchObject({
      state: 'error',
      status: 429,
      error: { code: 'rate_limit_error', message: 'Slow down' },
    });
    expect(record({ closed: closed({ status: 502 }) })).toMatchObject({ state: 'error', error: { code: 'http_502' } });
    const bare = { where: 'http', type: null, code: null, message: null } as const;
    expect(record({ closed: closed({ status: 503 }), facts: facts({ response: { error: bare } }) })).toMatchObject({
      error: { code: 'http_503', message: '' },
    });
  });

  test('a stream that just stops is an error, a missing terminator alone is none', () => {
    const cut = { complete: false, terminator: null, stop_reason: null, usage_state: 'partial' } as const;
    expect(record({ closed: closed(), facts: facts({ response: cut }) })).toMatchObject({
      state: 'error',
      error: { code: 'stream_incomplete' },
    });
    const noDone = { complete: false, terminator: null, usage_state: 'absent', usage: null } as const;
    expect(record({ closed: closed(), facts: facts({ response: noDone }) })).toMatchObject({ state: 'complete' });
    const queued = { ...cut, usage: null, usage_state: 'absent' } as const;
    expect(record({ closed: closed(), facts: facts({ response: queued, request: { stream: false } }) })).toMatchObject({
      state: 'complete',
    });
  });

  test('what the front door refused stays refused', () => {
    const error = { code: 'quota_exceeded', message: 'gateway: budget used up' };
    const denied = closed({ state: 'denied', status: 429, denied_by: 'quota_exceeded', attempts: [], error });
    expect(record({ closed: denied })).toMatchObject({
      state: 'denied',
      denied_by: 'quota_exceeded',
      usage: null,
      usage_state: 'absent',
      usage_flags: [],
      error,
    });
    expect(record({ closed: { ...denied, state: 'blocked' }, facts: facts() })).toMatchObject({ state: 'blocked' });
  });

  test('failure mode 28: a stream that only our deadline ended, after its last event, is complete', () => {
    const error = { code: 'gateway_upstream_timeout', message: 'gateway: did not answer' };
    expect(record({ closed: closed({ state: 'error', error }), facts: facts() })).toMatchObject({
      state: 'complete',
      error: null,
    });
  });

  test('a provider that broke is an error, also when its bytes were whole', () => {
    const error = { code: 'gateway_upstream_broken', message: 'gateway: the connection broke' };
    expect(record({ closed: closed({ state: 'error', error }), facts: facts() })).toMatchObject({
      state: 'error',
      error,
    });
  });

  test('whatever the parts say, there is one valid record, and complete means no error', () => {
    fc.assert(
      fc.property(
        fc.option(fc.constantFrom('complete', 'aborted', 'error', 'denied', 'blocked', 'interrupted'), {
          nil: undefined,
        }),
        fc.constantFrom(0, 200, 400, 429, 500),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (state, status, hasFacts, complete, failed) => {
          const made = record({
            ...(state === undefined ? {} : { closed: closed({ state, status }) }),
            ...(hasFacts ? { facts: facts({ response: { complete, error: failed ? overloaded : null } }) } : {}),
            status,
          });
          expect(ExchangeRecord.safeParse(made).success).toBe(true);
          if (made.state === 'complete') expect([made.error, status < 400]).toEqual([null, true]);
          if (made.state === 'error') expect(made.error).not.toBeNull();
        },
      ),
    );
  });
});

describe('what the numbers are worth', () => {
  test('absent usage is absent, and no cost is no zero', () => {
    const unread = facts({
      response: { usage: null, usage_state: 'final' },
      cost_nanodollars: null,
      cost_basis: null,
      cost_unknown: 'no_usage',
      price_version: null,
    });
    expect(record({ closed: closed(), facts: unread })).toMatchObject({
      usage: null,
      usage_state: 'absent',
      cost_nanodollars: null,
      cost_basis: null,
      usage_flags: [],
    });
  });

  test('an unknown price says why', () => {
    const unpriced = facts({
      response: { usage_flags: ['clamped:output'] },
      cost_nanodollars: null,
      cost_unknown: 'model_unknown',
    });
    expect(record({ closed: closed(), facts: unpriced }).usage_flags).toEqual([
      'clamped:output',
      'cost_unknown:model_unknown',
    ]);
  });

  test('an exchange that no inspector read, or that was read from holes, says so', () => {
    expect(record({ closed: closed() }).usage_flags).toEqual(['not_inspected']);
    expect(record({ closed: closed(), facts: facts(), missingFrames: 2 }).usage_flags).toEqual([
      'journal_frames_missing',
    ]);
  });
});

describe('bounds', () => {
  test('long arguments are cut at a character, and their true length stays', () => {
    const long = '{"text":"' + 'é'.repeat(50_000) + '"}';
    const tool_calls = Array.from({ length: 5 }, (_, i) => ({ id: `t${i}`, name: 'Write', arguments: long }));
    const calls = record({ closed: closed(), facts: facts({ response: { tool_calls } }) }).tool_calls;
    // 9 + 100,000 + 2 bytes came; 64 KiB a call and 96 KiB a record stay. 65,536 - 9 is odd: half an é goes too.
    expect(calls.map((call) => call.bytes)).toEqual([100_011, 100_011, 100_011, 100_011, 100_011]);
    expect(calls.map((call) => Buffer.byteLength(call.arguments))).toEqual([65_535, 32_769, 0, 0, 0]);
    for (const call of calls) expect(long.startsWith(call.arguments)).toBe(true);
  });

  test('a call within the bound is as the provider sent it', () => {
    const call = { id: null, name: 'Read', arguments: '{"path": "a.ts",  "n": 1e3}' };
    expect(record({ closed: closed(), facts: facts({ response: { tool_calls: [call] } }) }).tool_calls).toEqual([
      { ...call, bytes: 27 },
    ]);
  });

  test('what the request says of its conversation is in the record', () => {
    const request = {
      history: { messages: 3, chain: ['0123456789abcdef'] },
      previous_response: 'resp_1',
      tool_results: [{ id: 'call_1', bytes: 5, is_error: true }],
    };
    expect(record({ closed: closed(), facts: facts({ request }) })).toMatchObject(request);
    expect(record({ closed: closed() })).toMatchObject({ history: null, previous_response: null, tool_results: [] });
  });

  test('a record of a provider gone mad fits into a job', () => {
    const huge = '"\\\u0001'.repeat(200_000);
    const response = {
      model_served: huge,
      response_id: huge,
      stop_reason: { raw: huge, canonical: null },
      service_tier: huge,
      usage_flags: Array.from({ length: 1000 }, (_, i) => `${i}${huge.slice(0, 5000)}`),
      usage_detail: { refusal: huge, list: Array.from({ length: 100_000 }, () => huge.slice(0, 10)), speed: 'fast' },
      tool_calls: Array.from({ length: 1000 }, () => ({ id: huge, name: huge, arguments: huge })).slice(0, 300),
      server_tools: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`tool_${i}`, 1])),
      error: { where: 'body', type: huge, code: null, message: huge } as const,
    };
    const request = {
      previous_response: huge,
      tool_results: Array.from({ length: 1000 }, (_, i) => ({ id: `${i}${huge}`, bytes: 1, is_error: false })),
    };
    const made = record({
      closed: closed({ provider_request_id: huge }),
      facts: facts({ response, request, cost_basis: huge }),
    });
    // The last ones, which are the newest.
    expect(made.tool_results).toHaveLength(128);
    expect(made.tool_results.at(-1)?.id.slice(0, 3)).toBe('999');
    expect(JSON.stringify(made).length).toBeLessThan(JOB_BYTES);
    expect(made.usage_detail).toHaveProperty('speed', 'fast');
    expect(made.usage_detail).not.toHaveProperty('list');
    expect(made.usage_flags.length).toBeLessThanOrEqual(64);
  });
});

describe('failure mode 36: no credential reaches a record', () => {
  test.each([
    ['Incorrect API key provided: sk-proj-abc123DEF456ghi789. You can find yours', 'sk-proj-abc123DEF456ghi789'],
    ['Incorrect API key provided: abcdef0123456789.', 'abcdef0123456789'],
    ['invalid x-api-key: canary-1234567890', 'canary-1234567890'],
    ['{"authorization":"Bearer canary.token.value"}', 'canary.token.value'],
    ['connect to https://user:canarypass@proxy.internal:3128 failed', 'canarypass'],
    ['GET /v1beta/models?key=AIzaCANARYCANARYCANARY12345 failed', 'AIzaCANARYCANARYCANARY12345'],
    ['token ya29.a0Canary-Token_x was refused', 'a0Canary'],
    ['The key AKIACANARY1234567890 is not known', 'AKIACANARY1234567890'],
    ['aws_secret_access_key, client_secret=canary/secret+value', 'canary/secret+value'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl', 'eyJzdWIiOiJjYW5hcnkifQ'],
    // Without a word around it.
    ['sk-abc123DEF456ghi789', 'abc123DEF456ghi789'],
    ['/v1/AIzaCANARYCANARYCANARY12345', 'CANARYCANARY'],
    ['ya29.a0CanaryTokenx', 'a0Canary'],
    ['/AKIACANARY1234567890/', 'CANARY1234567890'],
    ['ASIACANARY1234567890', 'CANARY1234567890'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ', 'eyJzdWIiOiJjYW5hcnkifQ'],
    ['?sig=canary/value', 'canary/value'],
    ['//canarypass@proxy', 'canarypass'],
    ['password:canary/value', 'canary/value'],
  ])('%s', (message, secret) => {
    const said = { where: 'http', type: 'authentication_error', code: null, message } as const;
    const theirs = record({ closed: closed({ status: 401 }), facts: facts({ response: { error: said } }) });
    expect(theirs.error?.message).toContain('[redacted]');
    expect(JSON.stringify(theirs)).not.toContain(secret);
    const ours = record({ closed: closed({ state: 'error', error: { code: 'gateway_upstream_broken', message } }) });
    expect(JSON.stringify(ours)).not.toContain(secret);
  });

  test('a sentence without one stays as it is', () => {
    const message =
      'max_tokens: 300000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-6';
    const said = { where: 'http', type: 'invalid_request_error', code: null, message } as const;
    expect(record({ closed: closed({ status: 400 }), facts: facts({ response: { error: said } }) }).error).toEqual({
      code: 'invalid_request_error',
      message,
    });
  });

  test('a message is at most a thousand characters, and a hostile one takes no time', () => {
    const started = performance.now();
    for (const part of ['Bearer ', 'api key: ', 'sk-', '//', 'eyJaaaaaaaa.', 'secret = "', 'https://a:b']) {
      const said = { where: 'http', type: 'x', code: null, message: part.repeat(200_000) } as const;
      const made = record({ closed: closed({ status: 400 }), facts: facts({ response: { error: said } }) });
      expect(made.error?.message.length).toBeLessThanOrEqual(1000);
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

test('a refused request says what it asked for, and belongs to the session that its headers name', () => {
  const exchange = opened({ stream: true, provider: '' });
  const refused = closed({ state: 'denied', denied_by: 'gateway_model_unknown', status: 404, attempts: [] });
  const parts = { opened: exchange, closed: refused, facts: undefined, gateway: 'gw-a', segment: 7 };
  expect(assemble({ ...parts, session: { base: 's-9', parent: 'p', agentId: 'a' } })).toMatchObject({
    stream: true,
    session_id: 's-9',
    session_base: 's-9',
    parent_session_id: 'p',
    agent_id: 'a',
  });
  const nameless = assemble({ ...parts, session: { base: null, parent: null, agentId: null } });
  expect(nameless.session_base).toBe(exchange.id);
});

test('usage that is told late is bounded like any other', () => {
  const late_usage = {
    response_id: 'resp_1',
    model_served: 'm'.repeat(100_000),
    usage: { ...zeroUsage(), output: 5 },
    usage_detail: { refusal: 'x'.repeat(100_000) },
    usage_flags: Array.from({ length: 1000 }, (_, at) => `flag-${at}`),
    server_tools: { web_search: 2, odd: -1 },
    service_tier: 'default',
    cost_nanodollars: '10000',
    cost_basis: 'openai/gpt-5',
    price_version: 'v',
  };
  const made = record({ closed: closed(), facts: facts({ late_usage }) });
  expect(ExchangeRecord.parse(made)).toEqual(made);
  expect(made.late_usage).toMatchObject({ response_id: 'resp_1', usage: { output: 5 }, cost_nanodollars: '10000' });
  expect(made.late_usage?.server_tools).toEqual({ web_search: 2 });
  expect(JSON.stringify(made.late_usage).length).toBeLessThan(JOB_BYTES / 6);
});

test('what an exchange was charged stands in its record as it was decided, and nothing where it was not', () => {
  const parts = { opened: opened(), closed: closed(), facts: facts(), gateway: 'gw-a', segment: 7 };
  const charges = [
    { bucket: 'daily:alice@example.com', nanodollars: 100_000 },
    { bucket: 'extra', nanodollars: 5_000 },
    { bucket: 'org-monthly', nanodollars: 105_000 },
  ];
  const made = assemble({ ...parts, charges });
  expect(made.quota_charges).toEqual(charges);
  expect(ExchangeRecord.parse(JSON.parse(JSON.stringify(made)))).toEqual(made);
  expect(assemble(parts).quota_charges).toEqual([]);
  expect(assemble({ ...parts, charges: [] }).quota_charges).toEqual([]);
  expect(ExchangeRecord.safeParse({ ...made, quota_charges: [{ bucket: 'extra' }] }).success).toBe(false);
});
