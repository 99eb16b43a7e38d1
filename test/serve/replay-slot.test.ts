import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ExchangeId } from '../../src/contract/ids.ts';
import type { Charged } from '../../src/contract/quota.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { silentLog } from '../../src/lib/log.ts';
import { failed } from '../../src/lib/result.ts';
import { assemble } from '../../src/records/assemble.ts';
import { replaySlot } from '../../src/serve/replay-slot.ts';
import { Watermarks } from '../../src/serve/watermarks.ts';
import { exchangeOf, newId, openJournal, sampleClosed, sampleOpened, scratchFolder } from '../journal/support.ts';

function chargedOf(nanodollars: number, spent: number): Charged {
  return { life: 'life-1', charges: [{ bucket: 'org', nanodollars }], spent: { org: spent } };
}

function ended(journal: Journal): ExchangeId {
  const id = newId();
  journal.append(id, 'opened', { ...sampleOpened(id), quotas: [['org']] });
  journal.append(id, 'closed', sampleClosed());
  return id;
}

test('a slot tells every charge once: of exchanges that are gone, stored, and to be stored', async () => {
  const folder = scratchFolder();
  let sealed = 0;
  const journal = await openJournal(folder, { segmentBytes: 20_000, onSegmentSealed: () => (sealed += 1) });
  const gone = ended(journal);
  while (sealed < 1) await exchangeOf(journal, '.'.repeat(1000));
  journal.append(gone, 'charged', chargedOf(1, 1));
  const [stored, left, uncharged] = [ended(journal), ended(journal), ended(journal)];
  journal.append(stored, 'charged', chargedOf(2, 3));
  journal.append(left, 'charged', chargedOf(4, 7));
  await journal.close(5000);
  rmSync(join(folder, 'journal-1.seg'));

  const told: [ExchangeId, Charged][] = [];
  const shipped = new Map<string, unknown>();
  await replaySlot(
    {
      inspectors: { inspectStored: () => Promise.resolve(failed({ code: 'inspector_failed', why: 'not here' })) },
      assemble: (gateway, exchange, facts) =>
        assemble({ ...exchange, gateway, facts, charges: exchange.charged?.charges ?? [] }),
      ship: (record) => shipped.set(record.id, record.quota_charges).size > 0,
      missing: () => Promise.resolve({ records: [left, uncharged], captures: [] }),
      capture: () => undefined,
      quotas: {
        takeUp: () => Promise.resolve(),
        onCharged: (charged, exchange) => told.push([exchange, charged]),
        settleEarlier: () => Promise.resolve(),
      },
      log: silentLog,
    },
    {
      folder,
      gatewayId: 'gw-test',
      before: Number.MAX_SAFE_INTEGER,
      marks: new Watermarks(() => undefined),
      onSegment: () => undefined,
    },
  );
  expect(told).toEqual([
    [gone, chargedOf(1, 1)],
    [stored, chargedOf(2, 3)],
    [left, chargedOf(4, 7)],
  ]);
  expect(shipped).toEqual(
    new Map<string, unknown>([
      [left, [{ bucket: 'org', nanodollars: 4 }]],
      [uncharged, []],
    ]),
  );
});
