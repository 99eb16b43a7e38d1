import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ExchangeId } from '../../src/contract/ids.ts';
import { until } from '../support/until.ts';
import {
  bodyOf,
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
} from './support.ts';

const MiB = 1024 * 1024;

/** Bytes that differ by seed and place, so that a mix-up shows. */
function noise(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

describe('appending and releasing', () => {
  test('a release runs once its frames are in the file, not before, and in order', async () => {
    const folder = scratchFolder();
    const disk = new ScriptedDisk();
    const journal = await openJournal(folder, { disk });
    const id = newId();
    const seen: string[] = [];
    journal.append(id, 'opened', sampleOpened(id));
    journal.barrier(id, (how) => seen.push(`opened ${how} after ${disk.writesNow}`));
    journal.append(id, 'response', Buffer.from('one'));
    journal.barrier(id, (how) => seen.push(`one ${how} after ${disk.writesNow}`));
    expect(seen).toEqual([]);
    expect(disk.writesNow).toBe(0);
    await turn();
    expect(seen).toEqual(['opened written after 1', 'one written after 1']);
  });

  test('all frames of a turn are one write, whoever they belong to', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk });
    const ids = Array.from({ length: 32 }, newId);
    for (const id of ids) journal.append(id, 'opened', sampleOpened(id));
    await Promise.all(ids.map((id) => written(journal, id)));
    expect(disk.writesNow).toBe(1);
    expect(journal.stats()).toMatchObject({ frames: 32, exchanges: 32, writesNow: 1 });
  });

  test('what a release appends is written in the next turn', async () => {
    const journal = await openJournal(scratchFolder());
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    const how = await new Promise((resolve) => {
      journal.barrier(id, () => {
        journal.append(id, 'closed', sampleClosed());
        journal.barrier(id, resolve);
      });
    });
    expect(how).toBe('written');
  });

  test('a large body holds back the releases of its own exchange and of no other', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, stallAfterMs: 60_000 });
    const [big, small] = [newId(), newId()];
    const seen: string[] = [];
    for (const id of [big, small]) journal.append(id, 'opened', sampleOpened(id));
    await written(journal, big);
    disk.stall();
    journal.append(big, 'request', noise(3 * MiB, 1));
    journal.barrier(big, () => seen.push('big request'));
    journal.append(big, 'response', Buffer.from('x'));
    journal.barrier(big, () => seen.push('big response'));
    journal.append(small, 'response', Buffer.from('y'));
    journal.barrier(small, () => seen.push('small'));
    await written(journal, small);
    expect(seen).toEqual(['small']);
    expect(journal.stats().releasesHeld).toBe(2);
    disk.flow();
    await until('the large one is written', () => seen.length === 3);
    expect(seen).toEqual(['small', 'big request', 'big response']);
  });

  test('a release does not wait for large bodies that came after it', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, stallAfterMs: 60_000 });
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    journal.append(id, 'response', noise(100_000, 1));
    const first = written(journal, id);
    await turn();
    disk.stall(); // holds the writes that begin from now on
    journal.append(id, 'response', noise(100_000, 2));
    const second = written(journal, id);
    expect(await first).toBe('written');
    disk.flow();
    expect(await second).toBe('written');
  });

  test('small and large frames of many exchanges: releases keep their order, bytes come back exactly', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder, { segmentBytes: 2 * MiB });
    const sizes = [1, 200, 4096, 4097, 65_535, 65_536, 262_144, 262_145, 700_000];
    const ids = Array.from({ length: 8 }, newId);
    const sent = new Map<ExchangeId, Buffer[]>(ids.map((id) => [id, []]));
    const order = new Map<ExchangeId, number[]>(ids.map((id) => [id, []]));
    for (const id of ids) journal.append(id, 'opened', sampleOpened(id));
    let seed = 0;
    for (let round = 0; round < 20; round++) {
      for (const [n, id] of ids.entries()) {
        const chunk = noise(sizes[(round * 5 + n * 3) % sizes.length]!, ++seed);
        sent.get(id)!.push(chunk);
        journal.append(id, 'response', chunk);
        journal.barrier(id, (how) => {
          expect(how).toBe('written');
          order.get(id)!.push(round);
        });
      }
      if (round % 3 !== 0) await turn();
    }
    for (const id of ids) journal.append(id, 'closed', sampleClosed());
    await Promise.all(ids.map((id) => written(journal, id)));
    for (const id of ids) {
      expect(order.get(id)).toEqual(Array.from({ length: 20 }, (_, round) => round));
      const exchange = await journal.readExchange(id);
      expect(exchange).toMatchObject({ missingFrames: 0, gateway: 'gw-test', closed: sampleClosed() });
      expect((await bodyOf(exchange!, 'response')).equals(Buffer.concat(sent.get(id)!))).toBe(true);
    }
    expect(await journal.close(5000)).toBe(true);
    const { exchanges, reports } = await replayAll(folder);
    expect(reports.length).toBeGreaterThan(5);
    for (const id of ids) {
      const exchange = exchanges.get(id)!;
      expect(exchange.missingFrames).toBe(0);
      expect((await bodyOf(exchange, 'response')).equals(Buffer.concat(sent.get(id)!))).toBe(true);
    }
  });

  test('a release that throws does not keep back another’s bytes', async () => {
    const journal = await openJournal(scratchFolder());
    const [one, two] = [newId(), newId()];
    for (const id of [one, two]) journal.append(id, 'opened', sampleOpened(id));
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const surfaced = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
    journal.barrier(one, () => {
      throw new Error('a bug');
    });
    expect(await written(journal, two)).toBe('written');
    expect((await surfaced).cause).toMatchObject({ message: 'a bug' });
    for (const listener of listeners) process.on('uncaughtException', listener);
  });

  test('a disk that takes a few bytes at a time gets them all', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk });
    disk.portion = 7001;
    const id = newId();
    const body = noise(300_000, 3);
    journal.append(id, 'opened', sampleOpened(id));
    journal.append(id, 'response', body.subarray(0, 50_000));
    journal.append(id, 'response', body.subarray(50_000));
    expect(await written(journal, id)).toBe('written');
    const exchange = await journal.readExchange(id);
    expect((await bodyOf(exchange!, 'response')).equals(body)).toBe(true);
  });

  test('behind mode releases at once and writes all the same', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, mode: 'behind' });
    const id = newId();
    const seen: string[] = [];
    journal.append(id, 'opened', sampleOpened(id));
    journal.barrier(id, (how) => seen.push(how));
    expect(seen).toEqual(['unwritten']);
    const exchange = await journal.readExchange(id);
    expect(exchange?.opened).toEqual(sampleOpened(id));
    expect(journal.state).toBe('behind');
  });

  test('with fsync "always" a release waits for a sync, and those of one moment share it', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, fsync: 'always', stallAfterMs: 60_000 });
    const ids = Array.from({ length: 20 }, newId);
    for (const id of ids) journal.append(id, 'opened', sampleOpened(id));
    disk.stall();
    let released = 0;
    const all = Promise.all(
      ids.map(async (id) => {
        expect(await written(journal, id)).toBe('written');
        released += 1;
      }),
    );
    await until('the frames are written', () => disk.writesNow === 1);
    await turn();
    expect(released).toBe(0);
    disk.flow();
    await all;
    expect(disk.syncs).toBeLessThanOrEqual(2);
  });

  test('with fsync "interval" the file is synced without anyone waiting', async () => {
    const disk = new ScriptedDisk();
    const journal = await openJournal(scratchFolder(), { disk, fsync: 'interval' });
    await exchangeOf(journal, 'x');
    expect(disk.syncs).toBe(0);
    await until('a second has passed', () => disk.syncs === 1);
  });

  test('nothing follows the closed frame, and an unknown exchange is a bug', async () => {
    const journal = await openJournal(scratchFolder());
    const id = await exchangeOf(journal, 'x');
    expect(() => {
      journal.append(id, 'response', Buffer.from('y'));
    }).toThrow('closed');
    expect(() => {
      journal.append(newId(), 'response', Buffer.from('y'));
    }).toThrow('does not know');
  });
});

test('a note that is too large for a frame is refused before it does any harm', async () => {
  const journal = await openJournal(scratchFolder());
  const id = newId();
  journal.append(id, 'opened', sampleOpened(id));
  expect(() => {
    journal.append(id, 'head', { status: 200, headers: [['x', 'y'.repeat(2 * MiB)]] });
  }).toThrow('one frame');
  journal.append(id, 'response', Buffer.from('fine'));
  expect(await written(journal, id)).toBe('written');
  expect(await journal.readExchange(id)).toMatchObject({ missingFrames: 0 });
});

describe('reading one exchange back', () => {
  test('a live exchange is read as far as it has come, with what is still being written', async () => {
    const journal = await openJournal(scratchFolder());
    const id = newId();
    const request = noise(400_000, 9);
    journal.append(id, 'opened', sampleOpened(id));
    journal.append(id, 'request', request);
    journal.append(id, 'head', { status: 200, headers: [['content-type', 'text/event-stream']] });
    journal.append(id, 'response', Buffer.from('data: 1\n\n'));
    const exchange = await journal.readExchange(id);
    expect(exchange).toMatchObject({ closed: undefined, missingFrames: 0 });
    journal.append(id, 'response', Buffer.from('data: 2\n\n'));
    await written(journal, id);
    const frames = await framesOf(exchange!);
    expect(frames.map((frame) => frame.kind)).toEqual(['request', 'request', 'head', 'response']);
    expect((await bodyOf(exchange!, 'request')).equals(request)).toBe(true);
    expect(frames[2]).toEqual({ kind: 'head', status: 200, headers: [['content-type', 'text/event-stream']] });
  });

  test('failure mode 47: a 20 MB request and a 50,000-event stream come back byte for byte', async () => {
    const journal = await openJournal(scratchFolder());
    const [big, stream, neighbour] = [newId(), newId(), newId()];
    for (const id of [big, stream, neighbour]) journal.append(id, 'opened', sampleOpened(id));
    const request = noise(20 * MiB, 4);
    journal.append(big, 'request', request);
    const events: Buffer[] = [];
    for (let i = 0; i < 50_000; i++) {
      const event = Buffer.from(`data: {"n":${i}}\n\n`);
      events.push(event);
      journal.append(stream, 'response', event);
      journal.append(neighbour, 'response', Buffer.alloc(5000, i));
      if (i % 100 === 99) await written(journal, stream);
    }
    const read = await journal.readExchange(stream);
    expect(read!.missingFrames).toBe(0);
    expect((await bodyOf(read!, 'response')).equals(Buffer.concat(events))).toBe(true);
    expect((await bodyOf((await journal.readExchange(big))!, 'request')).equals(request)).toBe(true);
  });

  test('it is not read back after it was forgotten', async () => {
    const journal = await openJournal(scratchFolder());
    const id = await exchangeOf(journal, 'x');
    expect(await journal.readExchange(id)).toBeDefined();
    journal.forget(id);
    expect(await journal.readExchange(id)).toBeUndefined();
    expect(journal.stats().exchanges).toBe(0);
  });
});

describe('segments', () => {
  const segmentFiles = (folder: string): string[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.seg'))
      .sort();

  test('files are for their owner only', async () => {
    const folder = join(scratchFolder(), 'deep', 'journal');
    await openJournal(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test('a segment that is full is followed by the next, and its count is told', async () => {
    const sealed: [number, number][] = [];
    const journal = await openJournal(scratchFolder(), {
      segmentBytes: 20_000,
      onSegmentSealed: (segment, opened) => sealed.push([segment, opened]),
    });
    const bySegment = new Map<number, number>();
    while (sealed.length < 3) {
      const segment = journal.segmentOf(await exchangeOf(journal, 'x'.repeat(2000)));
      bySegment.set(segment, (bySegment.get(segment) ?? 0) + 1);
    }
    expect(sealed.slice(0, 3)).toEqual([1, 2, 3].map((segment) => [segment, bySegment.get(segment)]));
    expect(journal.openedIn(2)).toBe(bySegment.get(2));
    expect(journal.idsIn(2, 1, 1_000)).toHaveLength((bySegment.get(2) ?? 0) - 1);
  });

  test('files go in order, without a hole, when their records are safe and no reader needs them', async () => {
    const folder = scratchFolder();
    const sealed: number[] = [];
    const journal = await openJournal(folder, {
      segmentBytes: 20_000,
      onSegmentSealed: (segment) => sealed.push(segment),
    });
    const ids: ExchangeId[] = [];
    while (sealed.length < 3) ids.push(await exchangeOf(journal, 'x'.repeat(2000)));
    const inFirst = ids.filter((id) => journal.segmentOf(id) === 1);
    for (const id of ids) if (!inFirst.includes(id)) journal.forget(id);
    journal.segmentSettled(2);
    journal.segmentSettled(1);
    await turn();
    expect(segmentFiles(folder)).toContain('journal-1.seg');
    for (const id of inFirst) journal.forget(id);
    await until('two are gone', () => journal.stats().segmentsRemoved === 2);
    expect(segmentFiles(folder)).not.toContain('journal-1.seg');
    expect(segmentFiles(folder)).not.toContain('journal-2.seg');
    expect(segmentFiles(folder)).toContain('journal-3.seg');
    expect(journal.openedIn(1)).toBeUndefined();
  });

  test('a new process begins a new file and never takes an old number', async () => {
    const folder = scratchFolder();
    const first = await openJournal(folder);
    const id = await exchangeOf(first, 'x');
    await first.close(5000);
    const second = await openJournal(folder);
    expect(second.oldSegments).toEqual([1]);
    expect(second.firstSegment).toBe(2);
    expect(second.openedIn(1)).toBeUndefined();
    second.adoptSegment(1, [id]);
    expect(second.openedIn(1)).toBe(1);
    expect(second.idsIn(1, 0, 10)).toEqual([id]);
    second.segmentSettled(1);
    await until('the old one is gone', () => second.oldSegments.length === 0);
    await second.close(5000);
    const third = await openJournal(folder);
    expect(third.firstSegment).toBe(3);
  });
});

describe('bounds', () => {
  test('a full journal set to refuse lets no exchange begin, and lets those that have begun end', async () => {
    const journal = await openJournal(scratchFolder(), { maxBytes: 400_000, segmentBytes: 40_000 });
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    expect(journal.admit()).toEqual({ ok: true, value: undefined });
    journal.append(id, 'response', noise(50_000, 1));
    while (journal.admit().ok) await exchangeOf(journal, 'x'.repeat(20_000));
    expect(journal.admit()).toEqual({ ok: false, fault: { code: 'journal_full', limitBytes: 400_000 } });
    journal.append(id, 'response', Buffer.from('the end'));
    journal.append(id, 'closed', sampleClosed());
    expect(await written(journal, id)).toBe('written');
    expect(journal.stats()).toMatchObject({ refused: 2, bodyFramesDropped: 0 });
    expect(journal.stats().bytesOnDisk).toBeLessThanOrEqual(400_000);
  });

  test('a refusing journal takes new exchanges again once segments are settled', async () => {
    const sealed: number[] = [];
    const journal = await openJournal(scratchFolder(), {
      maxBytes: 400_000,
      segmentBytes: 40_000,
      onSegmentSealed: (segment) => sealed.push(segment),
    });
    while (journal.admit().ok) journal.forget(await exchangeOf(journal, 'x'.repeat(20_000)));
    await until('there is room', () => {
      for (const segment of sealed) journal.segmentSettled(segment);
      return journal.admit().ok;
    });
  });

  test('a journal that filled up before its next file was ready changes over by itself', async () => {
    const sealed: number[] = [];
    const disk = new ScriptedDisk();
    const folder = scratchFolder();
    let made: (() => void) | undefined;
    const ready = new Promise<void>((resolve) => (made = resolve));
    const create = disk.create;
    let files = 0;
    disk.create = async (path) => {
      if (++files === 2) await ready;
      return create(path);
    };
    const journal = await openJournal(folder, {
      disk,
      maxBytes: 400_000,
      onSegmentSealed: (segment) => sealed.push(segment),
    });
    while (journal.admit().ok) journal.forget(await exchangeOf(journal, 'x'.repeat(20_000)));
    await turn();
    expect(sealed).toEqual([]);
    made?.();
    await until('the full file is sealed', () => sealed.length === 1);
    journal.segmentSettled(1);
    await until('there is room', () => journal.admit().ok);
  });

  test('a full journal set to drop bodies keeps the frames that make a record, and counts the rest', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder, { maxBytes: 400_000, whenFull: 'drop_bodies' });
    while (journal.stats().bodyFramesDropped === 0) await exchangeOf(journal, 'x'.repeat(20_000));
    expect(journal.admit().ok).toBe(true);
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    journal.append(id, 'request', noise(100_000, 1));
    journal.append(id, 'response', Buffer.from('gone'));
    journal.append(id, 'closed', sampleClosed());
    expect(await written(journal, id)).toBe('unwritten');
    const exchange = await journal.readExchange(id);
    expect(exchange).toMatchObject({ missingFrames: 2, closed: sampleClosed() });
    expect(await framesOf(exchange!)).toEqual([]);
    await journal.close(5000);
    expect((await replayAll(folder)).exchanges.get(id)).toMatchObject({ missingFrames: 2, closed: sampleClosed() });
  });

  test('new settings of the bound hold at once', async () => {
    const journal = await openJournal(scratchFolder(), { maxBytes: 100_000 });
    while (journal.admit().ok) await exchangeOf(journal, 'x'.repeat(5000));
    journal.reconfigure({ mode: 'behind', maxBytes: 1_000_000, whenFull: 'refuse' });
    expect(journal.admit().ok).toBe(true);
    expect(journal.state).toBe('behind');
  });

  test('a journal that is closing refuses', async () => {
    const journal = await openJournal(scratchFolder());
    await journal.close(5000);
    expect(journal.admit()).toEqual({ ok: false, fault: { code: 'draining' } });
  });
});
