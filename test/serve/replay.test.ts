import { expect, test } from 'vitest';
import type { ExchangeId } from '../../src/contract/ids.ts';
import type { Charged } from '../../src/contract/quota.ts';
import { silentLog } from '../../src/lib/log.ts';
import { failed } from '../../src/lib/result.ts';
import type { StoredExchange } from '../../src/journal/stored.ts';
import type { BookIds } from '../../src/records/messages.ts';
import { replayJournal } from '../../src/serve/replay.ts';
import { newId, sampleClosed, sampleOpened } from '../journal/support.ts';
import { aRecord } from '../support/records.ts';

/** More than are looked for at once, and no multiple of it. */
const EXCHANGES = 1_234;

const stored: StoredExchange[] = Array.from({ length: EXCHANGES }, () => ({
  opened: sampleOpened(newId()),
  gateway: 'gw-test',
  segment: 1,
  closed: sampleClosed(),
  charged: undefined,
  missingFrames: 0,
  extents: [],
  // oxlint-disable-next-line typescript/require-await -- a stream of nothing
  frames: async function* () {
    yield* [];
  },
}));
const all: string[] = stored.map(({ opened }) => opened.id);

/** Replays them all; `missing` is the database's answer. */
async function replayed(
  missing: (ids: BookIds) => Promise<BookIds | undefined>,
  of: readonly StoredExchange[] = stored,
) {
  const read: string[] = [];
  const captured: string[] = [];
  const shipped: string[] = [];
  const told: [ExchangeId, Charged][] = [];
  const assembled = new Map<ExchangeId, Charged | undefined>();
  let atOnce = 0;
  let most = 0;
  const exchanges = async function* () {
    for (const each of of) yield await Promise.resolve(each);
  };
  const made = await replayJournal({
    exchanges: exchanges(),
    missing,
    inspectors: {
      inspectStored: async ({ opened }) => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
        read.push(opened.id);
        return failed({ code: 'inspector_failed', why: 'not this time' });
      },
    },
    assemble: ({ opened, charged }) => {
      assembled.set(opened.id, charged);
      return aRecord({ id: opened.id });
    },
    ship: ({ id }) => shipped.push(id) > 0,
    capture: ({ opened }) => captured.push(opened.id),
    onCharged: (charged, exchange) => told.push([exchange, charged]),
    log: silentLog,
  });
  return { made, read, captured, shipped, told, assembled, most };
}

test('a replay reads what the database does not have, and nothing else', async () => {
  const records = new Set(all.filter((_, index) => index % 7 === 0));
  const captures = new Set(all.filter((_, index) => index % 5 === 0));
  const { made, read, captured, shipped, most } = await replayed((ids) =>
    Promise.resolve({
      records: ids.records.filter((id) => records.has(id)),
      captures: ids.captures.filter((id) => captures.has(id)),
    }),
  );
  expect(made).toBe(records.size);
  expect(new Set(read)).toEqual(records);
  expect(read.length).toBe(records.size);
  expect(new Set(shipped)).toEqual(records);
  expect(new Set(captured)).toEqual(captures);
  expect(most).toBeGreaterThan(1);
});

test('a replay reads everything where the database does not say what it has', async () => {
  const { made, captured, shipped } = await replayed(() => Promise.resolve(undefined));
  expect(made).toBe(EXCHANGES);
  expect(new Set(shipped)).toEqual(new Set(all));
  expect(new Set(captured)).toEqual(new Set(all));
});

test('what was charged is told of every exchange, and handed to the making of those records that are missing', async () => {
  const chargedOf = (nanodollars: number): Charged => ({
    life: 'life-1',
    charges: [{ bucket: 'org', nanodollars }],
    spent: { org: nanodollars * 10 },
  });
  const some = stored
    .slice(0, 6)
    .map((each, index) => ({ ...each, charged: index % 2 === 0 ? chargedOf(index) : undefined }));
  const ids = some.map(({ opened }) => opened.id);
  const [stays, charged, uncharged] = [ids[0]!, ids[2]!, ids[3]!];
  const { told, assembled } = await replayed(
    () => Promise.resolve({ records: [charged, uncharged], captures: [] }),
    some,
  );
  expect(new Map(told)).toEqual(
    new Map([
      [stays, chargedOf(0)],
      [charged, chargedOf(2)],
      [ids[4]!, chargedOf(4)],
    ]),
  );
  expect(told).toHaveLength(3);
  expect(assembled).toEqual(
    new Map([
      [charged, chargedOf(2)],
      [uncharged, undefined],
    ]),
  );
});
