import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Opened } from '../../src/contract/exchange.ts';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { InspectorPool } from '../../src/inspect/pool.ts';
import type { Tap } from '../../src/inspect/lane.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JOURNAL_DEFAULTS } from '../../src/journal/options.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { assemble } from '../../src/records/assemble.ts';
import { Settler } from '../../src/records/settle.ts';
import type { Settling } from '../../src/records/settle.ts';
import { readBack } from '../../src/serve/replay.ts';
import { closed as closedFrame, opened as openedFrame } from '../records/parts.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { until } from '../support/until.ts';

/** Real inspector threads and a real journal; their death is the only thing that is made up. */
const GATEWAY = 'gateway-of-the-test';
const log = silentLog;

interface House {
  pool: InspectorPool;
  journal: Journal;
  settler: Settler;
  records: ExchangeRecord[];
  close(): Promise<void>;
}

let house: House | undefined;
afterEach(async () => {
  await house?.close();
  house = undefined;
});

async function build(lanes: number): Promise<House> {
  const folder = temporaryFolder();
  const pool = new InspectorPool({
    file: join(packageRoot(), 'dist', 'workers', 'inspector.js'),
    lanes,
    log,
    onMade: () => undefined,
  });
  pool.setWorld(1, { autoCostBasis: true, prices: [], providers: {} });
  const journal = await Journal.open({
    ...JOURNAL_DEFAULTS,
    folder: join(folder, 'journal'),
    gatewayId: GATEWAY,
    mode: 'strict',
    fsync: 'none',
    maxBytes: 1024 * 1024 * 1024,
    whenFull: 'refuse',
    clock: systemClock,
    onSegmentSealed: () => undefined,
    onState: () => undefined,
  });
  const records: ExchangeRecord[] = [];
  const settler = new Settler({
    assemble: (exchange, facts) => assemble({ ...exchange, gateway: GATEWAY, facts }),
    ship: (record) => records.push(record) > 0,
    reinspect: async (id) => {
      const stored = await journal.readExchange(id);
      return stored === undefined ? undefined : readBack(pool, stored);
    },
    left: () => undefined,
    onRecord: () => undefined,
    log,
  });
  await pool.ready();
  return {
    pool,
    journal,
    settler,
    records,
    async close() {
      settler.stop();
      await pool.close();
      await journal.close(5000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One exchange under way: what the front door and the proxy do with journal, inspector and settler, and no more. */
class Running {
  readonly opened: Opened;
  readonly outputTokens: number;
  readonly #house: House;
  readonly #tap: Tap;
  readonly #settling: Settling;
  readonly #events: string[];

  constructor(within: House, outputTokens: number) {
    this.#house = within;
    this.outputTokens = outputTokens;
    this.opened = openedFrame({ id: mintExchangeId(systemClock.nowMs()) });
    const { id } = this.opened;
    const { journal, settler, pool } = within;
    const body = Buffer.from('{"model":"claude-sonnet-4-6","stream":true,"messages":[]}');
    journal.append(id, 'opened', this.opened);
    journal.append(id, 'request', body);
    this.#settling = settler.open(this.opened, journal.segmentOf(id));
    this.#tap = pool.open(this.opened, this.#settling);
    this.#tap.request(body);
    const headers: [string, string][] = [['content-type', 'text/event-stream']];
    journal.append(id, 'head', { status: 200, headers });
    this.#tap.head(200, headers);
    this.#events = eventsOf(outputTokens);
  }

  /** Sends so many of the events that are left. */
  send(count: number): void {
    for (const event of this.#events.splice(0, count)) {
      const bytes = Buffer.from(event);
      this.#house.journal.append(this.opened.id, 'response', bytes);
      this.#tap.response(bytes);
    }
  }

  end(): void {
    this.send(this.#events.length);
    const closed = closedFrame();
    this.#house.journal.append(this.opened.id, 'closed', closed);
    this.#tap.end('complete');
    this.#settling.closed(closed);
  }
}

/** Anthropic's stream (wire-formats.md, section 4): the closing delta says the output tokens. */
function eventsOf(outputTokens: number): string[] {
  const event = (data: { type: string }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  const message = {
    id: `msg_${outputTokens}`,
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-6',
    content: [],
    stop_reason: null,
    usage: { input_tokens: 31, output_tokens: 1 },
  };
  const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word ' } };
  return [
    event({ type: 'message_start', message } as { type: string }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as { type: string }),
    ...Array.from({ length: 20 }, () => event(delta)),
    event({ type: 'content_block_stop', index: 0 } as { type: string }),
    event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: outputTokens } } as {
      type: string;
    }),
    event({ type: 'message_stop' }),
  ];
}

function expectExactRecords(within: House, running: Running[]): void {
  const seen = within.records.map(
    ({ id, state, usage, usage_state }) => [id, state, usage_state, usage?.output] as const,
  );
  const due = running.map(({ opened, outputTokens }) => [opened.id, 'complete', 'final', outputTokens] as const);
  expect([...seen].sort()).toEqual([...due].sort());
}

test.each([1, 2])('an inspector of %i that dies mid-stream loses no record, and none comes twice', async (lanes) => {
  house = await build(lanes);
  const running = Array.from({ length: 40 }, (_, i) => new Running(house as House, 100 + i));
  for (const one of running) one.send(10);
  await until('the inspectors have read it', () => house?.pool.stats().unreadBytes === 0);
  // Some end before the death, and their records are made by then or not.
  for (const one of running.slice(0, 10)) one.end();
  await house.pool.killOneThread();
  await until('the death was noticed', () => house?.pool.stats().restarts === 1);
  // Some begin while there may be no inspector at all.
  for (let i = 0; i < 10; i++) running.push(new Running(house, 200 + i));
  for (const one of running.slice(10)) one.end();
  await until('all records are there', () => house?.settler.depth === 0);
  expectExactRecords(house, running);
  expect(house.pool.stats()).toMatchObject({ restarts: 1, exchanges: 0 });
});

test('inspectors that die again and again lose no record', async () => {
  house = await build(2);
  const running: Running[] = [];
  for (let round = 1; round <= 5; round++) {
    const more = Array.from({ length: 10 }, (_, i) => new Running(house as House, round * 100 + i));
    running.push(...more);
    for (const one of more) one.send(12);
    await house.pool.killOneThread();
    for (const one of more) one.end();
    await until('another has taken its place', () => house?.pool.stats().lanes === 2);
  }
  await until('all records are there', () => house?.settler.depth === 0);
  expectExactRecords(house, running);
});

test('a large body that is being scanned when its inspector dies is answered', async () => {
  house = await build(1);
  const { pool } = house;
  const body = new Uint8Array(Buffer.from(`{"model":"m","messages":["${'x'.repeat(32 * 1024 * 1024)}"]}`));
  const scan = pool.scan('anthropic_messages', body);
  await pool.killOneThread('scan');
  const outcome = await scan;
  // The thread may have been faster.
  if (!outcome.ok) expect(outcome.fault.code).toBe('inspector_failed');
  await pool.ready();
  const again = await pool.scan('anthropic_messages', new Uint8Array(Buffer.from('{"model":"m","messages":[]}')));
  expect(again).toMatchObject({ ok: true, value: { fields: { model: 'm' } } });
});

function hangingPool(hungAfterLooks: number): InspectorPool {
  return new InspectorPool({
    file: join(packageRoot(), 'test', 'support', 'hanging-inspector.mjs'),
    lanes: 1,
    log,
    onMade: () => undefined,
    hungAfterLooks,
  });
}

test('a large request does not wait for an inspector that another answer keeps busy', async () => {
  const pool = hangingPool(1_000);
  try {
    await pool.ready();
    const watch = { inspected: () => undefined, missed: () => undefined };
    pool.open(openedFrame({ id: mintExchangeId(systemClock.nowMs()), model: 'hang' }), watch).end('complete');
    const body = new Uint8Array(Buffer.from('{"model":"m","messages":[]}'));
    expect(await pool.scan('anthropic_messages', body)).toMatchObject({ ok: true, value: { fields: { model: 'm' } } });
    expect(pool.stats().exchanges).toBe(1);
  } finally {
    await pool.close();
  }
});

test('an inspector that hangs is replaced, and what it held is told as missed', async () => {
  const pool = hangingPool(2);
  try {
    await pool.ready();
    const missed: string[] = [];
    const watch = { inspected: () => missed.push('not at all'), missed: (why: string) => missed.push(why) };
    pool.open(openedFrame({ id: mintExchangeId(systemClock.nowMs()), model: 'hang' }), watch).end('complete');
    await until('it is told', () => missed.length === 1);
    expect(missed).toEqual(['failed']);
    await pool.ready();
    expect(pool.stats()).toMatchObject({ lanes: 1, restarts: 1, exchanges: 0, unreadBytes: 0 });
  } finally {
    await pool.close();
  }
});
