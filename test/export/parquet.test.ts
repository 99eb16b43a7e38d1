import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { zeroUsage } from '../../src/contract/usage.ts';
import { beginRecordFile } from '../../src/export/record-file.ts';
import type { CaptureToExport, RowToExport } from '../../src/export/record.ts';
import { askParquet, readParquet } from '../support/parquet.ts';

const BOUNDS = { itemBytes: 64 * 1024 * 1024, partBytes: 1_000_000 };

const PLAIN: RowToExport = {
  id: '019a0000-0000-7000-8000-000000000001',
  receivedAtMs: Date.UTC(2026, 10, 23, 10, 20, 30) + 123.456,
  endedAtMs: Date.UTC(2026, 10, 23, 10, 20, 31) + 500,
  login: 'alice@example.com',
  nodeId: 'n1',
  tags: [],
  model: 'claude-sonnet-4-5',
  api: 'anthropic_messages',
  usage: null,
  serverTools: {},
  costNanodollars: null,
  costBasis: null,
  sessionId: 's-1',
  path: '/v1/messages',
  status: 200,
  toolCalls: [],
  firstByteAtMs: null,
  nodeName: '',
  groups: [],
  identitySource: 'tailscale',
  agent: 'claude-code',
  clientVersion: '2.0.1',
  userAgent: 'claude-cli/2.0.1',
  provider: 'anthropic',
  keyId: 'key-1',
  modelServed: null,
  method: 'POST',
  stream: false,
  state: 'complete',
  deniedBy: null,
  stopReason: null,
  usageState: 'absent',
  usageFlags: [],
  priceVersion: null,
  serviceTier: null,
  parentSessionId: null,
  agentId: null,
  toolCallCount: 0,
  configVersion: 'c1',
  requestBytes: 0,
  responseBytes: 0,
  providerRequestId: null,
  responseId: null,
  error: null,
};

const KEPT: CaptureToExport = {
  requestHeaders: [],
  responseHeaders: [],
  request: undefined,
  response: undefined,
  damaged: [],
};

async function fileOf(rows: readonly [RowToExport, CaptureToExport?][], bounds = BOUNDS): Promise<Uint8Array> {
  const file = await beginRecordFile('parquet', bounds);
  for (const [at, [exchange, capture]] of rows.entries()) {
    if (!file.offer(at + 1, exchange, capture)) break;
  }
  return Buffer.concat(file.end().parts);
}

test('null, empty and zero are three things, and text is whatever it was', async () => {
  const odd = 'ü, "模型"\n\u0000\u202e😀';
  const [none, empty, full] = await readParquet(
    await fileOf([
      [PLAIN],
      [{ ...PLAIN, modelServed: '', usage: zeroUsage(), costNanodollars: '0', tags: [''] }, KEPT],
      [
        { ...PLAIN, modelServed: odd, tags: [odd, 'tag:ci'], error: { code: 'client_gone', message: odd } },
        {
          ...KEPT,
          damaged: ['response'],
          requestHeaders: [
            ['x-two', 'a'],
            ['x-two', 'b'],
          ],
          request: { json: {}, text: '{}', raw: Buffer.from('{}') },
        },
      ],
    ]),
  );
  expect(none).toMatchObject({
    number: '1',
    id: PLAIN.id,
    received_at: '2026-11-23 10:20:30.123456+00',
    first_byte_at: null,
    node_name: '',
    tags: [],
    model_served: null,
    output: null,
    cost_dollars: null,
    stream: false,
    status: 200,
    captured: false,
    request_headers: null,
    request_body: null,
    tool_calls: null,
    damaged: null,
    error: null,
    server_tools: '{}',
  });
  expect(empty).toMatchObject({
    model_served: '',
    output: '0',
    cost_dollars: '0.000000000',
    tags: [''],
    captured: true,
    request_headers: '{}',
    request_body: null,
    raw_request_body: null,
    tool_calls: '[]',
    damaged: [],
  });
  expect(full).toMatchObject({
    model_served: odd,
    tags: [odd, 'tag:ci'],
    damaged: ['response'],
    request_headers: '{"x-two":["a","b"]}',
    request_body: '{}',
    raw_request_body: null,
  });
  expect(JSON.parse(String(full!['error']))).toEqual({ code: 'client_gone', message: odd });
});

test('columns have the types that analysts expect', async () => {
  const described = await askParquet([await fileOf([[PLAIN, KEPT]])], 'DESCRIBE SELECT * FROM FILE');
  const types = Object.fromEntries(described.map((each) => [String(each['column_name']), each['column_type']]));
  expect(types).toMatchObject({
    number: 'BIGINT',
    id: 'VARCHAR',
    received_at: 'TIMESTAMP WITH TIME ZONE',
    tags: 'VARCHAR[]',
    groups: 'VARCHAR[]',
    status: 'INTEGER',
    stream: 'BOOLEAN',
    input_uncached: 'BIGINT',
    cost_dollars: 'DECIMAL(18,9)',
    request_body: 'VARCHAR',
    raw_request_body: 'BLOB',
  });
  const [chunk] = await askParquet(
    [await fileOf(Array.from({ length: 100 }, () => [PLAIN]))],
    `SELECT compression, encodings FROM parquet_metadata(FILE) WHERE path_in_schema = 'login'`,
  );
  expect(chunk).toMatchObject({ compression: 'ZSTD' });
  expect(String(chunk!['encodings'])).toContain('RLE_DICTIONARY');
});

test('money and counts are exact, and so are their sums', async () => {
  const costs = ['1', '999999999999999999', '123456789012345678', '0', '7'];
  const file = await fileOf(
    costs.map((costNanodollars) => [
      { ...PLAIN, costNanodollars, usage: { ...zeroUsage(), output: Number.MAX_SAFE_INTEGER } },
    ]),
  );
  const rows = await readParquet(file);
  const digits = (cost: string): string => cost.padStart(10, '0').replace(/(\d{9})$/, '.$1');
  expect(rows.map((row) => row['cost_dollars'])).toEqual(costs.map(digits));
  const sum = costs.reduce((total, cost) => total + BigInt(cost), 0n);
  const [summed] = await askParquet([file], 'SELECT sum(cost_dollars) AS cost, sum(output) AS tokens FROM FILE');
  expect(summed).toEqual({ cost: digits(String(sum)), tokens: String(5n * BigInt(Number.MAX_SAFE_INTEGER)) });
});

test('bodies keep their digits and their order, and what is no JSON is bytes', async () => {
  const text = '{"z": 18446744073709551615, "a": 1.10, "b": -9223372036854775808}';
  const binary = Buffer.from([0, 255, 10, 128]);
  const deep: unknown[] = [];
  for (let at = 0, inner = deep; at < 100_000; at += 1) inner.push((inner = []));
  const [row, nested] = await readParquet(
    await fileOf([
      [
        PLAIN,
        { ...KEPT, request: { json: {}, text, raw: Buffer.from(text) }, response: { json: undefined, raw: binary } },
      ],
      // A stream that was put together has a value and no text.
      [
        PLAIN,
        { ...KEPT, request: { json: { put: ['together'] }, raw: binary }, response: { json: deep, raw: binary } },
      ],
    ]),
  );
  expect(row).toMatchObject({ request_body: text, raw_request_body: null, response_body: null });
  expect(row!['raw_response_body']).toBe('\\x00\\xFF\\x0A\\x80');
  expect(nested).toMatchObject({ request_body: '{"put":["together"]}', response_body: null });
  expect(nested!['raw_response_body']).toBe('\\x00\\xFF\\x0A\\x80');
});

test('bodies of megabytes, which hardly compress, come back whole', async () => {
  const bodies = [1_048_576, 1_048_577, 3_500_000].map((bytes) =>
    JSON.stringify(randomBytes(bytes / 2).toString('hex')),
  );
  const rows = await readParquet(
    await fileOf(bodies.map((text) => [PLAIN, { ...KEPT, request: { json: '', text, raw: Buffer.from(text) } }])),
  );
  expect(rows.map((row) => row['request_body'] === bodies[Number(row['number']) - 1])).toEqual([true, true, true]);
});

test('ten thousand rows are a few groups: no more is held at once, and a full file takes no more', async () => {
  const body = (at: number): CaptureToExport['request'] => {
    const text = JSON.stringify({ at, text: 'x'.repeat(4_000) });
    return { json: {}, text, raw: Buffer.from(text) };
  };
  const rows = Array.from({ length: 10_000 }, (_, at): [RowToExport, CaptureToExport] => [
    { ...PLAIN, costNanodollars: String(at) },
    { ...KEPT, request: body(at) },
  ]);
  const file = await fileOf(rows);
  const [told] = await askParquet(
    [file],
    `SELECT count(*) AS rows, count(DISTINCT number) AS numbers, sum(cost_dollars) AS cost,
            sum((request_body ->> 'at')::bigint) AS ats FROM FILE`,
  );
  expect(told).toEqual({ rows: '10000', numbers: '10000', cost: '0.049995000', ats: '49995000' });
  const groups = await askParquet(
    [file],
    'SELECT DISTINCT row_group_id AS id, row_group_num_rows::int AS rows FROM parquet_metadata(FILE) ORDER BY id',
  );
  expect(groups.length).toBeGreaterThan(1);
  for (const { rows: held } of groups) expect(Number(held) * 4_000).toBeLessThan(17 * 1024 * 1024);
  const [cut] = await askParquet(
    [await fileOf(rows, { ...BOUNDS, itemBytes: 100_000 })],
    'SELECT count(*)::int AS rows FROM FILE',
  );
  expect(cut!['rows']).toBeGreaterThan(15);
  expect(cut!['rows']).toBeLessThan(25);
});
