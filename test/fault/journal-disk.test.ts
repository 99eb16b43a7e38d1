import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { ExchangeId } from '../../src/contract/ids.ts';
import { readCaptured } from '../../src/journal/captured.ts';
import type { Journal } from '../../src/journal/journal.ts';
import type { JournalState } from '../../src/journal/options.ts';
import {
  exchangeOf,
  framesOf,
  newId,
  openJournal,
  replayAll,
  sampleClosed,
  sampleOpened,
  ScriptedDisk,
  scratchFolder,
  written,
} from '../journal/support.ts';
import { HandClock } from '../support/hand-clock.ts';
import { until } from '../support/until.ts';

/** A file system of one MiB, of its own. */
function smallDisk(): string {
  const folder = scratchFolder();
  if (process.getuid?.() !== 0) {
    throw new Error('this test mounts a tmpfs of 1 MiB, for which it must run as root');
  }
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder]);
  });
  return folder;
}

async function streamOf(journal: Journal): Promise<ExchangeId> {
  const id = newId();
  journal.append(id, 'opened', sampleOpened(id));
  await written(journal, id);
  return id;
}

test('failure mode 39: a full disk is refused at the door, live streams go on, and it heals', async () => {
  const mount = smallDisk();
  const folder = join(mount, 'journal');
  const ballast = join(mount, 'ballast');
  writeFileSync(ballast, Buffer.alloc(300_000));
  const states: [JournalState, string][] = [];
  const journal = await openJournal(folder, {
    segmentBytes: 200_000,
    onState: (state, why) => states.push([state, why]),
  });
  const live = await streamOf(journal);
  const kept: ExchangeId[] = [];
  while (journal.state === 'strict') {
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    journal.append(id, 'response', Buffer.alloc(20_000, 1));
    journal.append(id, 'closed', sampleClosed());
    if ((await written(journal, id)) === 'written') kept.push(id);
    journal.forget(id);
  }
  expect(states).toEqual([['failed', 'ENOSPC']]);
  expect(journal.admit()).toEqual({ ok: false, fault: { code: 'journal_failed', why: 'ENOSPC' } });
  journal.append(live, 'response', Buffer.from('still here'));
  expect(await written(journal, live)).toBe('unwritten');
  expect(journal.stats()).toMatchObject({ state: 'failed' });
  expect(journal.stats().framesLost).toBeGreaterThan(0);
  expect(journal.stats().failures).toBeGreaterThan(0);

  // Somebody makes room.
  rmSync(ballast);
  await until('the journal writes again', () => journal.state === 'strict');
  expect(journal.admit().ok).toBe(true);
  const after = await exchangeOf(journal, 'after');
  expect((await journal.readExchange(after))?.missingFrames).toBe(0);
  await journal.close(5000);
  const { exchanges } = await replayAll(folder);
  expect(exchanges.get(after)).toMatchObject({ missingFrames: 0 });
  // What was told as written is there. How many fit before the disk was full depends on how writes fell into turns.
  expect(kept.length).toBeGreaterThan(5);
  for (const id of kept) expect(exchanges.get(id)).toMatchObject({ missingFrames: 0, closed: sampleClosed() });
});

test('the disk’s last bytes fill up and nothing that was told as written is missing', async () => {
  const mount = smallDisk();
  const folder = join(mount, 'journal');
  const journal = await openJournal(folder, { segmentBytes: 100_000 });
  writeFileSync(join(mount, 'ballast'), Buffer.alloc(500_000));
  const told: ExchangeId[] = [];
  for (let n = 0; n < 400; n++) {
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    journal.append(id, 'response', Buffer.alloc(n % 3 === 0 ? 70_000 : 1000, n));
    journal.append(id, 'closed', sampleClosed());
    if ((await written(journal, id)) === 'written') told.push(id);
  }
  expect(journal.state).toBe('failed');
  expect(statfsSync(mount).bfree).toBeLessThan(64);
  await journal.close(5000);
  const { exchanges } = await replayAll(folder);
  expect(told.length).toBeGreaterThan(5);
  for (const id of told) expect(exchanges.get(id)).toMatchObject({ missingFrames: 0, closed: sampleClosed() });
});

test('a disk that answers EIO fails visibly; set to drop bodies, the gateway goes on without it', async () => {
  const disk = new ScriptedDisk();
  const states: JournalState[] = [];
  const journal = await openJournal(scratchFolder(), {
    disk,
    whenFull: 'drop_bodies',
    onState: (state) => states.push(state),
  });
  const before = await exchangeOf(journal, 'before');
  disk.failWith('EIO');
  const during = await exchangeOf(journal, 'during');
  expect(journal.segmentOf(before)).toBe(1);
  expect(journal.segmentOf(during)).toBe(0);
  expect(journal.openedIn(1)).toBe(1);
  expect(states).toEqual(['failed']);
  expect(journal.admit().ok).toBe(true);
  expect(await journal.readExchange(during)).toBeUndefined();
  disk.heal();
  await until('the journal writes again', () => states.at(-1) === 'strict');
  const after = await exchangeOf(journal, 'after');
  expect(journal.segmentOf(after)).toBeGreaterThan(1);
  expect((await journal.readExchange(after))?.missingFrames).toBe(0);
});

test.each([20, 100])(
  'an exchange whose last frame was torn after %i bytes is read as far as it is whole',
  async (bytes) => {
    const disk = new ScriptedDisk();
    const folder = scratchFolder();
    const journal = await openJournal(folder, { disk });
    const id = await streamOf(journal);
    journal.append(id, 'response', Buffer.from('whole'));
    await written(journal, id);
    disk.tearWith('ENOSPC', bytes);
    journal.append(id, 'response', Buffer.alloc(1000));
    expect(await written(journal, id)).toBe('unwritten');
    const exchange = await journal.readExchange(id);
    expect(exchange?.missingFrames).toBe(1);
    expect(await framesOf(exchange!)).toEqual([{ kind: 'response', bytes: Buffer.from('whole') }]);
    const kinds: string[] = [];
    for await (const frames of readCaptured(folder, [{ id, extents: (await journal.extentsOf(id)) ?? [] }])) {
      kinds.push(...frames.map(({ says }) => says.kind));
    }
    expect(kinds).toEqual(['opened', 'response']);
  },
);

test('an exchange whose segment was told goes on counting, although its frame was lost', async () => {
  const disk = new ScriptedDisk();
  const journal = await openJournal(scratchFolder(), { disk });
  await exchangeOf(journal, 'before');
  disk.failWith('EIO');
  const id = newId();
  journal.append(id, 'opened', sampleOpened(id));
  expect(journal.segmentOf(id)).toBe(1);
  expect(await written(journal, id)).toBe('unwritten');
  expect(journal.openedIn(1)).toBe(2);
});

test('a large body that fails lets its own releases go, told as unwritten, in order', async () => {
  const disk = new ScriptedDisk();
  const journal = await openJournal(scratchFolder(), { disk, stallAfterMs: 60_000 });
  const id = await streamOf(journal);
  disk.stall();
  const seen: string[] = [];
  journal.append(id, 'response', Buffer.alloc(100_000));
  journal.barrier(id, (how) => seen.push(`large ${how}`));
  journal.append(id, 'response', Buffer.from('small'));
  journal.barrier(id, (how) => seen.push(`small ${how}`));
  await turn();
  await turn();
  expect(seen).toEqual([]);
  disk.failWith('ENOSPC');
  disk.flow();
  await until('they were let go', () => seen.length === 2);
  expect(seen).toEqual(['large unwritten', 'small unwritten']);
});

test('a stalling disk turns strict into behind, visibly, and back when it has caught up', async () => {
  const disk = new ScriptedDisk();
  const states: [JournalState, string][] = [];
  const journal = await openJournal(scratchFolder(), {
    disk,
    stallAfterMs: 200,
    onState: (state, why) => states.push([state, why]),
  });
  const id = await streamOf(journal);
  disk.stall();
  journal.append(id, 'response', Buffer.alloc(100_000, 1));
  expect(await written(journal, id)).toBe('unwritten');
  expect(states).toEqual([['behind', 'a write takes more than 200 ms']]);
  // From here on nobody waits, and no write is made on the main thread.
  const writesNow = disk.writesNow;
  const seen: string[] = [];
  for (let n = 0; n < 10; n++) {
    journal.append(id, 'response', Buffer.from(`chunk ${n};`));
    journal.barrier(id, (how) => seen.push(how));
    await turn();
  }
  expect(seen).toEqual(Array.from({ length: 10 }, () => 'unwritten'));
  expect(disk.writesNow).toBe(writesNow);
  disk.flow();
  await until('it has caught up', () => journal.state === 'strict');
  expect(journal.stats()).toMatchObject({ stalls: 1, framesLost: 0, pendingBytes: 0 });
  expect((await journal.readExchange(id))?.missingFrames).toBe(0);
});

test('failure mode 39: what waits for a stalled disk is bounded; bodies beyond are dropped and counted', async () => {
  const disk = new ScriptedDisk();
  const journal = await openJournal(scratchFolder(), { disk, mode: 'behind', bufferBytes: 1_000_000 });
  const id = await streamOf(journal);
  disk.stall();
  for (let n = 0; n < 100; n++) {
    journal.append(id, 'response', Buffer.alloc(100_000, n));
    await turn();
  }
  expect(journal.stats().pendingBytes).toBeLessThan(1_200_000);
  expect(journal.stats().bodyFramesDropped).toBeGreaterThan(85);
  expect(journal.admit()).toEqual({ ok: false, fault: { code: 'overloaded', what: 'journal', limit: 1_000_000 } });
  disk.flow();
  await until('it has caught up', () => journal.stats().pendingBytes === 0);
  expect(journal.admit().ok).toBe(true);
  const { bodyFramesDropped } = journal.stats();
  expect((await journal.readExchange(id))?.missingFrames).toBe(bodyFramesDropped);
});

test('a slow write on the main thread sends the next ones aside', async () => {
  const disk = new ScriptedDisk();
  const journal = await openJournal(scratchFolder(), { disk });
  const id = await streamOf(journal);
  const quick = disk.writeNow;
  disk.writeNow = (...args) => {
    const until = performance.now() + 60;
    while (performance.now() < until);
    return quick(...args);
  };
  journal.append(id, 'response', Buffer.from('slow'));
  await written(journal, id);
  expect(journal.stats()).toMatchObject({ slowWrites: 1, writesAside: 0 });
  journal.append(id, 'response', Buffer.from('aside'));
  expect(await written(journal, id)).toBe('written');
  expect(journal.stats()).toMatchObject({ slowWrites: 1, writesAside: 1 });
});

test('while writes aside are slow, none is made on the main thread', async () => {
  const disk = new ScriptedDisk();
  const clock = new HandClock();
  const journal = await openJournal(scratchFolder(), { disk, clock });
  const id = await streamOf(journal);
  const quick = disk.writeNow;
  disk.writeNow = (...args) => {
    clock.advance(60);
    return quick(...args);
  };
  const { write } = disk;
  disk.write = (...args) => {
    clock.advance(60);
    return write(...args);
  };
  journal.append(id, 'response', Buffer.from('slow'));
  await written(journal, id);
  const before = disk.writesNow;
  for (let seconds = 0; seconds < 5; seconds++) {
    clock.advance(900);
    journal.append(id, 'response', Buffer.from('aside'));
    expect(await written(journal, id)).toBe('written');
  }
  expect(disk.writesNow).toBe(before);
  // Then it is quick again, and a second later trusted.
  disk.write = write;
  disk.writeNow = quick;
  journal.append(id, 'response', Buffer.from('aside'));
  await written(journal, id);
  clock.advance(1_100);
  journal.append(id, 'response', Buffer.from('now'));
  await written(journal, id);
  expect(disk.writesNow).toBe(before + 1);
});

test('a sync that fails is a failure like any other', async () => {
  const disk = new ScriptedDisk();
  const journal = await openJournal(scratchFolder(), { disk, fsync: 'always' });
  await exchangeOf(journal, 'fine');
  disk.sync = () => Promise.reject(Object.assign(new Error('EIO: scripted'), { code: 'EIO' }));
  const id = newId();
  journal.append(id, 'opened', sampleOpened(id));
  expect(await written(journal, id)).toBe('unwritten');
  expect(journal.state).toBe('failed');
});

test('closing does not wait for ever for a stalled disk', async () => {
  const disk = new ScriptedDisk();
  const folder = scratchFolder();
  const journal = await openJournal(folder, { disk });
  const id = await streamOf(journal);
  disk.stall();
  journal.append(id, 'response', Buffer.alloc(100_000));
  expect(await journal.close(100)).toBe(false);
  expect(readdirSync(folder).some((name) => name.startsWith('lock-'))).toBe(true);
  disk.flow();
});
