import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExchangeCapture } from '../../src/capture/exchange.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import type { Charged } from '../../src/contract/quota.ts';
import { readCaptured } from '../../src/journal/captured.ts';
import { inspectFolder } from '../../src/journal/inspect-folder.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { readOpened } from '../../src/journal/notes.ts';
import type { Extent } from '../../src/journal/places.ts';
import { FRAME_HEADER_BYTES, segmentNumber } from '../../src/journal/segment.ts';
import { until } from '../support/until.ts';
import {
  exchangeOf,
  newId,
  openJournal,
  replayAll,
  sampleClosed,
  sampleOpened,
  ScriptedDisk,
  scratchFolder,
  written,
} from './support.ts';

const QUOTAS = [['daily:alice@example.com', 'extra'], ['org-monthly']];

function chargedOf(nanodollars: number, life = 'life-1', spent = nanodollars): Charged {
  return { life, charges: [{ bucket: 'org-monthly', nanodollars }], spent: { 'org-monthly': spent } };
}

/** An exchange with quotas that has ended; nothing is waited for. */
function ended(journal: Journal, state: 'complete' | 'denied' = 'complete'): ExchangeId {
  const id = newId();
  journal.append(id, 'opened', { ...sampleOpened(id), quotas: QUOTAS });
  journal.append(id, 'request', Buffer.from('{}'));
  journal.append(id, 'response', Buffer.from('answer'));
  journal.append(id, 'closed', { ...sampleClosed(), state });
  return id;
}

/** What a capture of it would say. */
async function captureOf(folder: string, id: ExchangeId, extents: readonly Extent[]) {
  const capture = new ExchangeCapture(
    { id, journal: { folder, gateway: 'gw-test' }, segment: 1, extents },
    { keep: true, saveRaws: true, filterable: [] },
  );
  for await (const frames of readCaptured(folder, [{ id, extents }])) {
    for (const { sequence, says } of frames) capture.add(sequence, says);
  }
  return capture.end();
}

describe('an exchange is charged', () => {
  test('after its end, once, and while the journal knows it', async () => {
    const journal = await openJournal(scratchFolder());
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    expect(() => {
      journal.append(id, 'charged', chargedOf(1));
    }).toThrow('after its end');
    journal.append(id, 'closed', sampleClosed());
    journal.append(id, 'charged', chargedOf(1));
    expect(() => {
      journal.append(id, 'charged', chargedOf(1));
    }).toThrow('once');
    expect(() => {
      journal.append(id, 'response', Buffer.from('x'));
    }).toThrow('nothing follows');
    expect(() => {
      journal.chargeEarlier(id, chargedOf(1));
    }).toThrow('of this process');
    journal.forget(id);
    expect(() => {
      journal.append(id, 'charged', chargedOf(1));
    }).toThrow('does not know');
  });

  test('with the frames of the turn, in one write', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk });
    const [one, two] = [ended(journal), ended(journal)];
    for (const id of [one, two]) journal.append(id, 'charged', chargedOf(1));
    await Promise.all([written(journal, one), written(journal, two)]);
    expect(disk.writesNow).toBe(1);
    expect(journal.stats()).toMatchObject({ frames: 10, framesLost: 0, writesAside: 0 });
  });

  test('and knows it when it is read again, in the same turn and later', async () => {
    const journal = await openJournal(scratchFolder());
    const id = ended(journal);
    expect(await journal.readExchange(id)).toMatchObject({ charged: undefined, missingFrames: 0 });
    journal.append(id, 'charged', chargedOf(5));
    expect(await journal.readExchange(id)).toMatchObject({ charged: chargedOf(5), missingFrames: 0 });
    await turn();
    expect(await journal.readExchange(id)).toMatchObject({ charged: chargedOf(5), missingFrames: 0 });
  });

  test('once, also where the disk did not take the frame', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, whenFull: 'drop_bodies' });
    const id = ended(journal);
    await written(journal, id);
    disk.failWith('EIO');
    journal.append(id, 'charged', chargedOf(5));
    await until('the disk has failed', () => journal.stats().framesLost === 1);
    expect(await journal.readExchange(id)).toMatchObject({ charged: chargedOf(5), missingFrames: 0 });
    // And where there is no file to write to.
    const other = newId();
    journal.chargeEarlier(other, chargedOf(6));
    expect(journal.stats().framesLost).toBe(2);
    disk.heal();
  });

  test('and a build before quotas has written none', () => {
    const { quotas, ...before } = sampleOpened(newId());
    expect(quotas).toEqual([]);
    expect(readOpened(Buffer.from(JSON.stringify(before)))?.quotas).toEqual([]);
    const some = { ...before, quotas: QUOTAS };
    expect(readOpened(Buffer.from(JSON.stringify(some)))?.quotas).toEqual(QUOTAS);
  });
});

describe('a capture', () => {
  test.each(['before', 'after'])('that is ordered %s the charge is whole', async (order) => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const id = ended(journal);
    if (order === 'after') journal.append(id, 'charged', chargedOf(5));
    await turn();
    const extents = (await journal.extentsOf(id)) ?? [];
    if (order === 'before') {
      journal.append(id, 'charged', chargedOf(5));
      await turn();
    }
    expect(await captureOf(folder, id, extents)).toMatchObject({ missingFrames: 0 });
    // Also when a replay orders it.
    await journal.close(5000);
    const stored = (await replayAll(folder)).exchanges.get(id)!;
    expect(stored).toMatchObject({ charged: chargedOf(5), missingFrames: 0 });
    expect(await captureOf(folder, id, stored.extents)).toMatchObject({ missingFrames: 0 });
    // The whole file, as where the index of a long exchange has got coarse.
    const all = { segment: 1, offset: 8192, bytes: 1_000_000 };
    expect(await captureOf(folder, id, [all])).toMatchObject({ missingFrames: 0 });
  });

  test('that misses a body says so as before', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const id = ended(journal);
    journal.append(id, 'charged', chargedOf(5));
    await turn();
    damage(join(folder, 'journal-1.seg'), 'answer');
    expect(await captureOf(folder, id, (await journal.extentsOf(id)) ?? [])).toMatchObject({ missingFrames: 1 });
  });

  test('does not wait for the charge', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, stallAfterMs: 60_000 });
    const id = ended(journal);
    await written(journal, id);
    disk.stall();
    // A turn of this size is written aside, and so is the charge with it.
    const other = newId();
    journal.append(other, 'opened', sampleOpened(other));
    for (let frame = 0; frame < 40; frame += 1) journal.append(other, 'response', Buffer.alloc(4000));
    journal.append(id, 'charged', chargedOf(5));
    await turn();
    expect(journal.stats().pendingJobs).toBe(1);
    expect(await journal.extentsOf(id)).toHaveLength(1);
    expect(await journal.readExchange(id)).toMatchObject({ charged: chargedOf(5) });
    expect(journal.stats().pendingJobs).toBe(1);
    disk.flow();
  });
});

/** Overwrites a byte in the first place where `text` stands in a segment. */
function damage(path: string, text: string): void {
  const at = readFileSync(path).indexOf(text);
  expect(at).toBeGreaterThan(0);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.from([0xff]), 0, 1, at);
  closeSync(fd);
}

describe('a replay', () => {
  test('tells what was charged with the exchange, in a later segment too', async () => {
    const folder = scratchFolder();
    let sealed = 0;
    const journal = await openJournal(folder, { segmentBytes: 20_000, onSegmentSealed: () => (sealed += 1) });
    const [late, never] = [ended(journal), ended(journal)];
    while (sealed < 2) await exchangeOf(journal, '.'.repeat(1000));
    journal.append(late, 'charged', chargedOf(5));
    await journal.close(5000);
    const { exchanges, order, strays, reports } = await replayAll(folder);
    expect(exchanges.get(late)).toMatchObject({ charged: chargedOf(5), closed: sampleClosed(), segment: 1 });
    expect(exchanges.get(never)).toMatchObject({ charged: undefined, closed: sampleClosed(), missingFrames: 0 });
    // The one that is never charged is known not to be at the very end; those without quotas are not waited with.
    expect(order.slice(-2)).toEqual([late, never]);
    expect(strays).toEqual([]);
    expect(reports.reduce((sum, { unknownFrames, badPayloads }) => sum + unknownFrames + badPayloads, 0)).toBe(0);
  });

  test('tells it also where the exchange is gone, or was yielded before', async () => {
    const folder = scratchFolder();
    let sealed = 0;
    const journal = await openJournal(folder, { segmentBytes: 20_000, onSegmentSealed: () => (sealed += 1) });
    const gone = ended(journal);
    while (sealed < 1) await exchangeOf(journal, '.'.repeat(1000));
    const refused = ended(journal, 'denied');
    const elsewhere = newId();
    journal.append(gone, 'charged', chargedOf(5));
    journal.append(refused, 'charged', { life: 'life-1', charges: [], spent: { extra: 9 } });
    journal.chargeEarlier(elsewhere, chargedOf(7));
    await journal.close(5000);
    rmSync(join(folder, 'journal-1.seg'));
    const { exchanges, order, orphans, strays } = await replayAll(folder);
    expect(exchanges.has(gone)).toBe(false);
    expect(orphans).toEqual([]);
    expect(order.filter((id) => id === refused)).toHaveLength(1);
    expect(strays).toEqual([
      [gone, chargedOf(5)],
      [refused, { life: 'life-1', charges: [], spent: { extra: 9 } }],
      [elsewhere, chargedOf(7)],
    ]);
  });

  test('brings together an exchange and what the next process charged it', async () => {
    const folder = scratchFolder();
    const first = await openJournal(folder);
    const whole = ended(first);
    const cut = newId();
    first.append(cut, 'opened', { ...sampleOpened(cut), quotas: QUOTAS });
    await first.close(5000);
    const second = await openJournal(folder);
    second.chargeEarlier(cut, chargedOf(3, 'life-2'));
    second.chargeEarlier(whole, chargedOf(4, 'life-2', 7));
    await second.close(5000);
    const { exchanges, order, strays } = await replayAll(folder);
    expect(order).toEqual([cut, whole]);
    expect(exchanges.get(cut)).toMatchObject({ closed: undefined, charged: chargedOf(3, 'life-2'), segment: 1 });
    expect(exchanges.get(whole)).toMatchObject({ closed: sampleClosed(), charged: chargedOf(4, 'life-2', 7) });
    expect(strays).toEqual([]);
  });

  test('takes a charge that is damaged for none, and misses nothing of the exchange', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const [bad, good] = [ended(journal), ended(journal)];
    journal.append(bad, 'charged', chargedOf(5, 'life-of-the-bad'));
    journal.append(good, 'charged', chargedOf(6));
    await journal.close(5000);
    damage(join(folder, 'journal-1.seg'), 'life-of-the-bad');
    const { exchanges, orphans, reports } = await replayAll(folder);
    expect(exchanges.get(bad)).toMatchObject({ charged: undefined, closed: sampleClosed(), missingFrames: 0 });
    expect(exchanges.get(good)).toMatchObject({ charged: chargedOf(6) });
    expect(orphans).toEqual([]);
    expect(reports[0]).toMatchObject({ badPayloads: 1 });
  });

  test('takes a charge that was torn anywhere for none', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const kept = ended(journal);
    journal.append(kept, 'charged', chargedOf(5));
    const torn = ended(journal);
    await turn();
    const file = join(folder, 'journal-1.seg');
    const before = readFileSync(file).length;
    journal.append(torn, 'charged', chargedOf(6, 'life-1', 11));
    await journal.close(5000);
    const whole = readFileSync(file);
    expect(whole.length).toBe(
      before + FRAME_HEADER_BYTES + Buffer.byteLength(JSON.stringify(chargedOf(6, 'life-1', 11))),
    );
    expect((await replayAll(folder)).exchanges.get(torn)).toMatchObject({ charged: chargedOf(6, 'life-1', 11) });
    for (let bytes = before; bytes < whole.length; bytes += 1) {
      writeFileSync(file, whole);
      truncateSync(file, bytes);
      const { exchanges, strays, reports } = await replayAll(folder);
      expect(exchanges.get(torn)).toMatchObject({ charged: undefined, closed: sampleClosed(), missingFrames: 0 });
      expect(exchanges.get(kept)).toMatchObject({ charged: chargedOf(5) });
      expect(strays).toEqual([]);
      expect(reports[0]).toMatchObject({ badPayloads: 0, tornBytes: bytes - before });
    }
  });

  test('of the journal’s commands: a charge is a frame like others, and no damage', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const id = ended(journal);
    journal.append(id, 'charged', chargedOf(5));
    await journal.close(5000);
    const found = [];
    for await (const segment of inspectFolder(folder)) found.push(segment);
    expect(found).toMatchObject([{ frames: 5, opened: [id], closed: [id], damage: [] }]);
  });
});

/** What may happen to a journal; a number picks the exchange that it happens to. */
type Step =
  | { what: 'open' | 'close' | 'charge' | 'chargeEarlier' | 'forget'; which: number }
  | { what: 'turn' | 'kill' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constantFrom('open', 'close', 'charge'), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('chargeEarlier', 'forget'), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('turn') }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('kill') }) },
);

/** What a test knows of an exchange that was begun. */
interface Known {
  id: ExchangeId;
  life: string;
  closed: boolean;
  charged: Charged | undefined;
  forgotten: boolean;
}

test('whatever is appended, charged and killed: what is read back is what was written, and nothing else', async () => {
  let kills = 0;
  let charges = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }), async (steps) => {
      let folder = scratchFolder();
      let journal = await openJournal(folder, { segmentBytes: 10_000 });
      let lives = 1;
      let spent = 0;
      let known: Known[] = [];
      /** As the files have it: all up to the last end of a turn. */
      let safe: Known[] = [];
      const pick = (which: number, of: (each: Known) => boolean): Known | undefined => {
        const those = known.filter(of);
        return those[which % those.length];
      };
      const life = (): string => `life-${lives}`;
      const mine = (each: Known): boolean => each.life === life() && !each.forgotten;
      const charge = (): Charged => {
        charges += 1;
        spent += charges;
        return chargedOf(charges, life(), spent);
      };
      const take = async (next: Step): Promise<void> => {
        switch (next.what) {
          case 'open': {
            const id = newId();
            journal.append(id, 'opened', { ...sampleOpened(id), quotas: QUOTAS });
            known.push({ id, life: life(), closed: false, charged: undefined, forgotten: false });
            return;
          }
          case 'close': {
            const found = pick(next.which, (each) => mine(each) && !each.closed);
            if (found === undefined) return;
            journal.append(found.id, 'closed', sampleClosed());
            found.closed = true;
            return;
          }
          case 'charge': {
            const found = pick(next.which, (each) => mine(each) && each.closed && each.charged === undefined);
            if (found === undefined) return;
            found.charged = charge();
            journal.append(found.id, 'charged', found.charged);
            return;
          }
          case 'chargeEarlier': {
            const found = pick(next.which, (each) => each.life !== life() && each.charged === undefined);
            if (found === undefined) return;
            found.charged = charge();
            journal.chargeEarlier(found.id, found.charged);
            return;
          }
          case 'forget': {
            const found = pick(next.which, (each) => mine(each) && each.charged !== undefined);
            if (found === undefined) return;
            journal.forget(found.id);
            found.forgotten = true;
            return;
          }
          case 'turn':
            await turn();
            safe = structuredClone(known);
            return;
          case 'kill': {
            // What the files hold now is what a killed process leaves.
            const next = scratchFolder();
            for (const name of readdirSync(folder)) {
              if (segmentNumber(name) !== undefined) copyFileSync(join(folder, name), join(next, name));
            }
            await journal.close(5000);
            folder = next;
            known = structuredClone(safe);
            lives += 1;
            kills += 1;
            spent = 0;
            await check();
            journal = await openJournal(folder, { segmentBytes: 10_000 });
            return;
          }
        }
      };
      const check = async (): Promise<void> => {
        const { exchanges, strays, orphans } = await replayAll(folder);
        expect(strays).toEqual([]);
        expect(orphans).toEqual([]);
        const read = [...exchanges].map(([id, each]) => ({
          id,
          closed: each.closed !== undefined,
          charged: each.charged,
          missingFrames: each.missingFrames,
        }));
        const expected = safe.map(({ id, closed, charged }) => ({ id, closed, charged, missingFrames: 0 }));
        const byId = (a: { id: string }, b: { id: string }): number => a.id.localeCompare(b.id);
        expect(read.sort(byId)).toEqual(expected.sort(byId));
        expect(totals([...exchanges.values()])).toEqual(totals(safe));
      };
      for (const next of steps) await take(next);
      await take({ what: 'turn' });
      await take({ what: 'kill' });
      await journal.close(5000);
    }),
    { numRuns: 25 },
  );
  // The steps did happen.
  expect(kills).toBeGreaterThan(25);
  expect(charges).toBeGreaterThan(100);
});

/** By life and bucket, the most that it said to have spent. */
function totals(of: readonly { charged: Charged | undefined }[]): Map<string, number> {
  const most = new Map<string, number>();
  for (const { charged } of of) {
    for (const [bucket, spent] of Object.entries(charged?.spent ?? {})) {
      const key = `${charged?.life} ${bucket}`;
      most.set(key, Math.max(most.get(key) ?? 0, spent));
    }
  }
  return most;
}
