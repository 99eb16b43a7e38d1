import { beforeEach, describe, expect, test } from 'vitest';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { SegmentBooks } from '../../src/serve/segment-books.ts';
import type { Lost } from '../../src/serve/segment-books.ts';
import { HandClock } from '../support/hand-clock.ts';

/** A journal of lists, a database of sets, and a clock that the test turns. */
let clock: HandClock;
let opened: Map<number, ExchangeId[]>;
let current: number;
let held: Set<ExchangeId>;
let settled: number[];
let stored: { records: Set<string>; captures: Set<string> };
let lost: Lost[];
let gone: Set<ExchangeId>;
let quiet: boolean;
let away: boolean;
let questions: number;
let books: SegmentBooks;

beforeEach(() => {
  clock = new HandClock();
  opened = new Map([[1, []]]);
  current = 1;
  held = new Set();
  settled = [];
  stored = { records: new Set(), captures: new Set() };
  lost = [];
  gone = new Set();
  quiet = true;
  away = false;
  questions = 0;
  books = new SegmentBooks({
    journal: {
      get currentSegment() {
        return current;
      },
      openedIn: (segment) => opened.get(segment)?.length,
      idsIn: (segment, from, to) => opened.get(segment)?.slice(from, to) ?? [],
      holds: (id) => held.has(id),
      segmentSettled: (segment) => settled.push(segment),
      leaveOut: (segment, id) => {
        const ids = opened.get(segment) ?? [];
        ids.splice(ids.indexOf(id), 1);
      },
    },
    clock,
    log: silentLog,
    missing: ({ records, captures }) => {
      questions += 1;
      if (away) return Promise.resolve(undefined);
      return Promise.resolve({
        records: records.filter((id) => !stored.records.has(id)),
        captures: captures.filter((id) => !stored.captures.has(id)),
      });
    },
    isQuiet: () => quiet,
    isBeingCaptured: () => false,
    offerAgain: (what) => {
      lost.push(what);
      return Promise.resolve(gone);
    },
  });
});

function open(count: number): ExchangeId[] {
  const ids = Array.from({ length: count }, () => mintExchangeId(clock.nowMs()));
  opened.get(current)?.push(...ids);
  return ids;
}

function seal(): void {
  books.sealed(current);
  current += 1;
  opened.set(current, []);
}

/** So many seconds of a running process. */
async function seconds(count: number): Promise<void> {
  for (let second = 0; second < count; second += 1) {
    clock.advance(1_000);
    books.tick();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the books of segments', () => {
  test('let a file go once every id of it is in the database', async () => {
    for (const id of open(3)) stored.records.add(id);
    seal();
    books.counted([{ segment: 1, recordsIn: 3, capturesIn: 0 }]);
    await seconds(1);
    expect(settled).toEqual([1]);
  });

  test('do not let it go while counts match and an id is missing, and offer that one again', async () => {
    const ids = open(3);
    for (const id of ids.slice(1)) stored.records.add(id);
    seal();
    books.counted([{ segment: 1, recordsIn: 3, capturesIn: 0 }]);
    await seconds(12);
    expect(settled).toEqual([]);
    expect(lost.map(({ records }) => [...records])).toEqual([[ids[0]]]);
    stored.records.add(ids[0] ?? '');
    await seconds(20);
    expect(settled).toEqual([1]);
    expect(lost).toHaveLength(1);
  });

  test('offer again what was lost of the segment in use, within seconds', async () => {
    const ids = open(5_000);
    for (const id of ids.slice(0, 4_000)) stored.records.add(id);
    await seconds(12);
    expect(lost).toHaveLength(1);
    expect(lost[0]?.records).toEqual(new Set(ids.slice(4_000)));
    expect(books.offered.records).toBe(1_000);
  });

  test('do not take for lost what is under way here, in the queue, or not to be known', async () => {
    const [stream] = open(1);
    if (stream !== undefined) held.add(stream);
    await seconds(60);
    quiet = false;
    open(100);
    await seconds(60);
    quiet = true;
    away = true;
    await seconds(60);
    expect(lost).toEqual([]);
  });

  test('do not take for lost what was handed on between two looks', async () => {
    const [stream] = open(1);
    if (stream === undefined) throw new Error('no id');
    held.add(stream);
    await seconds(6);
    held.delete(stream);
    await seconds(30);
    expect(lost).toEqual([]);
    stored.records.add(stream);
    await seconds(60);
    expect(lost).toEqual([]);
  });

  test('wait for captures as they do for records', async () => {
    const ids = open(2);
    for (const id of ids) {
      books.capture(1, id);
      stored.records.add(id);
    }
    seal();
    books.counted([{ segment: 1, recordsIn: 2, capturesIn: 1 }]);
    stored.captures.add(ids[0] ?? '');
    await seconds(12);
    expect(lost.map(({ records, captures }) => [records.size, [...captures]])).toEqual([[0, [ids[1]]]]);
    books.noCapture(1, ids[1] ?? mintExchangeId(0));
    await seconds(20);
    expect(settled).toEqual([1]);
  });

  test('give up what is neither here nor there, and say so', async () => {
    const ids = open(2);
    stored.records.add(ids[0] ?? '');
    gone = new Set(ids.slice(1));
    seal();
    await seconds(60);
    expect(books.gone).toBe(1);
    expect(settled).toEqual([1]);
  });

  test('ask a quiet gateway nothing', async () => {
    for (const id of open(10)) stored.records.add(id);
    await seconds(10);
    const before = questions;
    await seconds(100);
    expect(questions).toBe(before);
  });
});
