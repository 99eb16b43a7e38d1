import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { CaptureOrder } from '../../../src/capture/messages.ts';
import type { PostFacts } from '../../../src/contract/guardrail.ts';
import type { ExchangeId } from '../../../src/contract/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { CaptureThread } from '../../../src/serve/capture-thread.ts';
import { newId } from '../../journal/support.ts';
import { until } from '../../support/until.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Finds each order too early the first time that it comes without what its record says; keeps a file of all orders. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
const { appendFileSync } = require('node:fs');
parentPort.on('message', ({ kind, orders }) => {
  if (kind !== 'capture') return;
  for (const order of orders) {
    appendFileSync(workerData.file, JSON.stringify(order) + '\\n');
    const early = order.hooked === true && order.post === undefined && order.waited === undefined;
    parentPort.postMessage({ kind: early ? 'early' : 'captured', ids: [order.id] });
  }
});
parentPort.postMessage({ kind: 'ready' });`;

const POST: PostFacts = {
  session_base: 's',
  cost_nanodollars: null,
  cost_basis: null,
  usage: null,
  server_tools: {},
  tool_calls: null,
};

function open(keep: boolean): { thread: CaptureThread; ordered: () => Promise<CaptureOrder[]>; wanted: ExchangeId[] } {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-captures-'));
  const [file, worker] = [join(folder, 'orders'), join(folder, 'worker.cjs')];
  writeFileSync(file, '');
  writeFileSync(worker, WORKER);
  const wanted: ExchangeId[] = [];
  const thread = new CaptureThread(
    {
      file: worker,
      workerData: { file },
      log: silentLog,
      journal: { folder, gateway: 'gw' },
      extentsOf: () => Promise.resolve([{ segment: 1, offset: 0, bytes: 10 }]),
      onWanted: (_gateway, _segment, id) => wanted.push(id),
      onUnwanted: () => undefined,
      earlyMs: 20,
    },
    { keep, saveRaws: false, filterable: [] },
  );
  closing.push(async () => {
    await thread.close();
    rmSync(folder, { recursive: true });
  });
  return {
    thread,
    wanted,
    ordered: async () => {
      await until('nothing waits', () => thread.waiting === 0);
      const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as CaptureOrder);
    },
  };
}

test('where nothing is kept, only what hooks are told of is captured', async () => {
  const { thread, ordered, wanted } = open(false);
  const [plain, hooked, stored, storedHooked] = [newId(), newId(), newId(), newId()];
  thread.want({ id: plain, segment: 1, login: 'a' });
  thread.want({ id: hooked, segment: 1, login: 'a', post: POST });
  const journal = { folder: '/elsewhere', gateway: 'gw-2' };
  thread.wantStored({ id: stored, journal, segment: 1, extents: [] }, 'a');
  thread.wantStored({ id: storedHooked, journal, segment: 1, extents: [], hooked: true }, 'a');
  const orders = await ordered();
  expect(new Set(wanted)).toEqual(new Set([hooked, storedHooked]));
  expect(new Set(orders.map(({ id }) => id))).toEqual(new Set([hooked, storedHooked]));
  expect(orders.find(({ id }) => id === hooked)).toMatchObject({ hooked: true, post: POST });
});

test('an order that comes too early comes again, and counts as waiting until then', async () => {
  const { thread, ordered } = open(true);
  const id = newId();
  thread.orderAgain(
    { id, journal: { folder: '/elsewhere', gateway: 'gw' }, segment: 1, extents: [], hooked: true },
    'a',
  );
  expect(thread.isUnderWay(id)).toBe(true);
  expect((await ordered()).map(({ waited }) => waited)).toEqual([undefined, 1]);
  expect(thread.isUnderWay(id)).toBe(false);
});
