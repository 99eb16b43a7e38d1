import { diagnose } from 'cbor2';
import { expect, test } from 'vitest';
import { cborOf, recordItem } from '../../src/export/cbor.ts';
import { jsonValue } from '../../src/export/json-value.ts';
import type { CaptureToExport, ExchangeToExport } from '../../src/export/record.ts';
import { APIS } from '../../src/contract/api.ts';
import { apiTypeOf } from '../../src/contract/aperture-words.ts';

const EXCHANGE: ExchangeToExport = {
  id: '019a0000-0000-7000-8000-000000000001',
  receivedAtMs: Date.UTC(2026, 10, 23, 10, 20, 30) + 123.456,
  endedAtMs: Date.UTC(2026, 10, 23, 10, 20, 31) + 500,
  login: 'alice@example.com',
  nodeId: 'n1',
  tags: ['tag:ci'],
  model: 'claude-sonnet-4-5',
  api: 'anthropic_messages',
  usage: {
    input_uncached: 100,
    cache_read: 2000,
    cache_write_5m: 30,
    cache_write_1h: 4,
    cache_write_other: 5,
    output: 600,
    reasoning: 70,
    audio_in: 1,
    image_in: 2,
    audio_out: 3,
    image_out: 4,
  },
  serverTools: { web_search: 2 },
  costNanodollars: '12345678',
  costBasis: 'anthropic/claude-sonnet-4-5',
  sessionId: 's-1',
  path: '/v1/messages',
  status: 200,
  toolCalls: [
    { name: 'Read', arguments: '{"path":"a.ts"}' },
    { name: 'Now', arguments: '' },
    { name: 'Cut', arguments: '{"pa' },
  ],
};

const CAPTURE: CaptureToExport = {
  requestHeaders: [
    ['content-type', 'application/json'],
    ['authorization', '[redacted]'],
  ],
  responseHeaders: [
    ['x-a', '1'],
    ['x-a', '2'],
  ],
  request: { json: jsonValue('{"z":1,"a":[true,null,1.5,"é"]}'), raw: Buffer.from('unused') },
  response: { json: undefined, raw: Buffer.from([1, 2, 255]) },
  damaged: [],
};

/** By hand. The order is Aperture's own. */
const USAGE =
  '{"input_tokens": 103, "output_tokens": 677, "cached_tokens": 2000, "cache_creation_input_tokens": 39, ' +
  '"cache_creation_5m_input_tokens": 30, "cache_creation_1h_input_tokens": 4, "reasoning_tokens": 70, ' +
  '"image_input_tokens": 2, "image_output_tokens": 4, "web_search_count": 2}';
const HEAD =
  '"ver": 2, "timestamp": "2026-11-23T10:20:30.123456Z", ' +
  '"identity": {"login_name": "alice@example.com", "stable_node_id": "n1", "tags": ["tag:ci"]}, ' +
  '"model": "claude-sonnet-4-5", "api_type": "ant_messages"';

const told = (number: number, exchange: ExchangeToExport, capture?: CaptureToExport): string =>
  diagnose(Buffer.from(recordItem(number, exchange, capture)));

test('a record has every field under its name', () => {
  expect(told(17, EXCHANGE, CAPTURE)).toBe(
    `{"id": 17, ${HEAD}, "usage": ${USAGE}, ` +
      `"estimated_cost": {"dollars": 0.012345678, "cost_basis": "anthropic/claude-sonnet-4-5", "usage": ${USAGE}}, ` +
      '"duration_ms": 1377, "capture_id": "019a0000-0000-7000-8000-000000000001", "session_id": "s-1", ' +
      '"path": "/v1/messages", "status_code": 200, "capture": {' +
      '"request_headers": {"content-type": ["application/json"], "authorization": ["[redacted]"]}, ' +
      '"response_headers": {"x-a": ["1", "2"]}, ' +
      '"request_body": {"z": 1, "a": [true, null, 1.5, "é"]}, ' +
      `"raw_response_body": h'0102ff', ` +
      '"tool_calls": [{"name": "Read", "params": {"path": "a.ts"}}, {"name": "Now", "params": {}}, {"name": "Cut", "params": "{\\"pa"}]}}',
  );
});

test('what is not known or not kept is left out, and an unknown usage is empty', () => {
  const bare = { ...EXCHANGE, usage: null, costNanodollars: null, costBasis: null };
  expect(told(1, bare)).toBe(
    `{"id": 1, ${HEAD}, "usage": {}, "duration_ms": 1377, "session_id": "s-1", "path": "/v1/messages", "status_code": 200}`,
  );
  const nothing = { ...CAPTURE, request: undefined, response: undefined, damaged: ['request'] as const };
  expect(told(1, { ...bare, toolCalls: [] }, nothing)).toContain(
    '"response_headers": {"x-a": ["1", "2"]}, "tool_calls": [], "damaged": ["request"]}}',
  );
});

test('a cost without usage, and a usage of zeros', () => {
  const zeros = Object.fromEntries(Object.keys(EXCHANGE.usage ?? {}).map((kind) => [kind, 0])) as typeof EXCHANGE.usage;
  expect(told(1, { ...EXCHANGE, usage: zeros, serverTools: {} })).toContain('"usage": {}, "estimated_cost": {');
  expect(told(1, { ...EXCHANGE, usage: null, costBasis: null })).toContain(
    '"estimated_cost": {"dollars": 0.012345678, "cost_basis": "", "usage": {}}',
  );
});

test("APIs have Aperture's names where it has told them, and our own elsewhere", () => {
  expect(APIS.filter((api) => apiTypeOf(api) !== api).map((api) => [api, apiTypeOf(api)])).toEqual([
    ['openai_chat', 'oai_completions'],
    ['anthropic_messages', 'ant_messages'],
  ]);
});

test('numbers keep their digits, text becomes valid, and a key is a key', () => {
  const text = '{"i":9007199254740993,"u":18446744073709551615,"n":-18446744073709551616,"f":0.1,"__proto__":{"x":1}}';
  expect(diagnose(Buffer.from(cborOf(jsonValue(text))))).toBe(
    '{"i": 9007199254740993, "u": 18446744073709551615, "n": -18446744073709551616, "f": 0.1, "__proto__": {"x": 1}}',
  );
  // Beyond 64 bits: the nearest double, 1.0e+20 in eight bytes.
  expect(Buffer.from(cborOf(jsonValue('[100000000000000000000]'))).toString('hex')).toBe('81fb4415af1d78b58c40');
  expect(Buffer.from(cborOf('a\ud800b')).toString('hex')).toBe('6561efbfbd62');
  for (const none of ['', '{', 'null', '{"a":1} x', '01']) expect(jsonValue(none), none).toBeUndefined();
});

test('a body that is nested deeper than a stack is exported as it was on the wire', () => {
  const raw = Buffer.from('['.repeat(100_000) + ']'.repeat(100_000));
  let deep: unknown[] = [];
  for (let level = 1; level < 100_000; level += 1) deep = [deep];
  const item = told(1, EXCHANGE, { ...CAPTURE, request: { json: deep, raw } });
  expect(item).toContain(`"raw_request_body": h'${raw.toString('hex')}'`);
  expect(item).toContain('{"name": "Read", "params": "{\\"path\\":\\"a.ts\\"}"}');
});

test('a body of millions of values, or of long numbers in a long text, is left as it was on the wire', () => {
  const many = (count: number): string => `[${'[],'.repeat(count - 1)}[]]`;
  expect(jsonValue(many(400_000))).toHaveLength(400_000);
  expect(jsonValue(many(600_000))).toBeUndefined();
  const long = (number: string, characters: number): string => `[${number},"${'x'.repeat(characters)}"]`;
  expect(jsonValue(long('12345678901234567890', 1_000_000))).toEqual([12_345_678_901_234_567_890n, expect.any(String)]);
  expect(jsonValue(long('12345678901234567890', 17_000_000))).toBeUndefined();
  expect(jsonValue(long('1', 17_000_000))).toEqual([1, expect.any(String)]);
});
