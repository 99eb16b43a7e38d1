import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FromInspector } from '../../src/contract/messages.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { ExchangeRecord as RecordSchema } from '../../src/contract/record.ts';
import { mintExchangeId } from '../../src/contract/ids.ts';
import { Inspector } from '../../src/inspect/inspector.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { loadPriceTable } from '../../src/pricing/table.ts';
import { matchEndpoint } from '../../src/protocols/registry.ts';
import { assemble } from '../../src/records/assemble.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { closed, opened } from '../records/parts.ts';
import { until } from '../support/until.ts';

const MODEL = 'gpt-5-mini';
const table = loadPriceTable(join(packageRoot(), 'config', 'prices.json'));

const PRICING = {
  autoCostBasis: true,
  prices: [],
  providers: { openai: { costBasis: 'openai', compatibility: ['openai_responses'], modelCostMap: [] } },
};

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await simulator.close();
});

interface Read {
  record: ExchangeRecord;
  /** Ids that were told as made. */
  made: string[];
  body: string;
}

/** Asks the simulator, and has an inspector read what passed. */
async function read(method: string, target: string, body = '', sim = ''): Promise<Read> {
  const [path = '', query = ''] = target.split('?');
  const endpoint = matchEndpoint(method, path, query, () => undefined);
  if (endpoint.kind !== 'exchange') throw new Error(`${target} is ${endpoint.kind}`);
  const answer = await fetch(simulator.url + target, {
    method,
    headers: { 'x-sim': sim, 'content-type': 'application/json' },
    ...(body === '' ? {} : { body }),
  });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const exchange = opened({
    id: mintExchangeId(Date.now()),
    api: endpoint.protocol.api,
    method,
    path,
    stream: endpoint.stream ?? false,
    model: MODEL,
    provider: 'openai',
  });
  const told: FromInspector[] = [];
  const inspector = new Inspector(table, (message) => told.push(message));
  inspector.take({ kind: 'world', world: exchange.world, pricing: PRICING });
  inspector.take({ kind: 'open', opened: exchange, mode: 'watch' });
  if (body !== '') inspector.take({ kind: 'request', exchange: exchange.id, bytes: new Uint8Array(Buffer.from(body)) });
  inspector.take({ kind: 'head', exchange: exchange.id, status: answer.status, headers: [...answer.headers] });
  inspector.take({ kind: 'bytes', exchange: exchange.id, bytes: bytes.slice() });
  inspector.take({ kind: 'end', exchange: exchange.id, how: 'complete' });
  const inspected = await until('it is inspected', () => told.find((message) => message.kind === 'inspected'));
  if (!inspected.outcome.ok) throw new Error(JSON.stringify(inspected.outcome.fault));
  const made = told.flatMap((message) => (message.kind === 'made' ? [message.resource.id] : []));
  const record = assemble({
    opened: exchange,
    closed: closed({ status: answer.status }),
    facts: inspected.outcome.value,
    gateway: 'gw',
    segment: 1,
  });
  expect(RecordSchema.parse(record)).toEqual(record);
  return { record, made, body: Buffer.from(bytes).toString() };
}

const ask = (more: Record<string, unknown>): string =>
  JSON.stringify({ model: MODEL, input: `Late ${JSON.stringify(more)}`, ...more });

const NO_USAGE = { usage: null, usage_state: 'absent', cost_nanodollars: null, cost_basis: null, server_tools: {} };

test('the same response is booked once: only what a terminal status tells is usage, and it is told late', async () => {
  const create = await read(
    'POST',
    '/v1/responses',
    ask({ background: true }),
    'polls=2;input=100;cached=50;output=20;reasoning=3;web_searches=2',
  );
  expect(create.record).toMatchObject({ ...NO_USAGE, late_usage: null, api: 'openai_responses', state: 'complete' });
  const id = create.record.response_id ?? '';
  expect(create.made).toEqual([id]);

  const polls: Read[] = [];
  for (let poll = 0; poll < 4; poll += 1) polls.push(await read('GET', `/v1/responses/${id}`));
  for (const { record, made } of polls) {
    expect(record).toMatchObject({
      ...NO_USAGE,
      usage_flags: [],
      usage_detail: {},
      response_id: null,
      state: 'complete',
      session_base: id,
    });
    expect(made).toEqual([]);
  }
  const late = polls.map(({ record }) => record.late_usage);
  expect(late.slice(0, 2)).toEqual([null, null]);
  expect(late[2]).toEqual(late[3]);
  expect(late[2]).toMatchObject({
    response_id: id,
    model_served: MODEL,
    usage: { input_uncached: 100, cache_read: 50, output: 20, reasoning: 3 },
    server_tools: { web_search: 2 },
    // gpt-5-mini: 250 nanodollars an input token, 25 a cached one, 2,000 an output token; searches at $10 a thousand.
    cost_nanodollars: String(100 * 250 + 50 * 25 + 23 * 2000 + 2 * 10_000_000),
    service_tier: 'default',
  });
});

test('a stream that is resumed tells the usage late, and that it was a stream', async () => {
  const create = await read('POST', '/v1/responses', ask({ background: true, x: 1 }), 'input=9;output=4');
  const { record } = await read('GET', `/v1/responses/${create.record.response_id}?stream=true&starting_after=3`);
  expect(record).toMatchObject({ ...NO_USAGE, stream: true, state: 'complete', api: 'openai_responses_stored' });
  expect(record.late_usage).toMatchObject({ usage: { input_uncached: 9, output: 4 } });
});

test('a response is told as made at its first event, once', async () => {
  const { made, record } = await read('POST', '/v1/responses', ask({ stream: true }));
  expect(made).toEqual([record.response_id]);
  expect(record.late_usage).toBeNull();
  expect(record.usage).not.toBeNull();
});

test('cancelling, listing and deleting tell no usage; neither does a price that is unknown hide it', async () => {
  const create = await read('POST', '/v1/responses', ask({ background: true, x: 2 }), 'polls=0;served=nobody-knows');
  const id = create.record.response_id ?? '';
  const unknown = await read('GET', `/v1/responses/${id}`);
  expect(unknown.record.late_usage).toMatchObject({
    cost_nanodollars: null,
    usage_flags: ['cost_unknown:model_unknown'],
  });
  expect(unknown.record.usage_flags).toEqual([]);
  for (const [method, path] of [
    ['POST', `/v1/responses/${id}/cancel`],
    ['GET', `/v1/responses/${id}/input_items`],
    ['DELETE', `/v1/responses/${id}`],
  ] as const) {
    const { record } = await read(method, path);
    expect(record).toMatchObject({ ...NO_USAGE, late_usage: null, state: 'complete', status: 200 });
  }
});
