import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { createPublisher } from '../../src/records/publish.ts';
import type { Publisher } from '../../src/records/publish.ts';
import { aRecord, textOf } from '../support/records.ts';

/** A queue whose answers the test gives, and a clock that vitest turns. */
let added: number[][];
let answer: () => Promise<void>;
let accepted: number;
let states: string[];
let kept: ExchangeRecord[];

function publisher(bounds: { capacity?: number; capacityBytes?: number } = {}): Publisher {
  return createPublisher({
    queue: {
      add: async (batches) => {
        await answer();
        added.push(batches.map((batch) => batch.length));
        kept.push(...batches.flat().map((json) => JSON.parse(json) as ExchangeRecord));
      },
    },
    clock: { nowMs: () => Date.now() },
    onAccepted: (ids) => {
      accepted += ids.length;
    },
    onQueue: (state) => {
      states.push(state);
    },
    ...bounds,
  });
}

function offerMany(to: Publisher, count: number): number {
  let taken = 0;
  for (let i = 0; i < count; i += 1) if (to.offer(textOf(aRecord()))) taken += 1;
  return taken;
}

beforeEach(() => {
  vi.useFakeTimers();
  added = [];
  accepted = 0;
  states = [];
  kept = [];
  answer = () => Promise.resolve();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the publisher', () => {
  test('a lone record is handed over after 100 ms, and not before', async () => {
    const to = publisher();
    expect(to.offer(textOf(aRecord()))).toBe(true);
    await vi.advanceTimersByTimeAsync(99);
    expect(added).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect(added).toEqual([[1]]);
    expect(accepted).toBe(1);
    expect(to.waiting).toBe(0);
  });

  test('two hundred records go at once, and many in jobs of as many, eight to a call', async () => {
    const to = publisher();
    offerMany(to, 200);
    await vi.advanceTimersByTimeAsync(0);
    expect(added).toEqual([[200]]);
    let release: () => void = () => undefined;
    answer = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    offerMany(to, 200);
    await vi.advanceTimersByTimeAsync(0);
    offerMany(to, 2080);
    answer = () => Promise.resolve();
    release();
    await vi.advanceTimersByTimeAsync(110);
    expect(added).toEqual([[200], [200], Array.from({ length: 8 }, () => 200), [200, 200], [80]]);
    expect(accepted).toBe(2480);
  });

  test('a job holds a mebibyte at most, and a larger record travels alone', async () => {
    const to = publisher();
    const big = (bytes: number): ExchangeRecord => aRecord({ user_agent: 'x'.repeat(bytes) });
    for (const bytes of [300_000, 300_000, 300_000, 300_000, 2_000_000, 10])
      expect(to.offer(textOf(big(bytes)))).toBe(true);
    await vi.advanceTimersByTimeAsync(110);
    expect(added).toEqual([[3, 1, 1, 1]]);
  });

  test('order is kept, nothing is lost and nothing sent twice over a queue that fails now and then', async () => {
    let calls = 0;
    answer = () => ((calls += 1) % 3 === 0 ? Promise.resolve() : Promise.reject(new Error('away')));
    const to = publisher();
    const all = Array.from({ length: 333 }, () => aRecord());
    for (const record of all) expect(to.offer(textOf(record))).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(kept).toEqual(all);
    expect(accepted).toBe(333);
    expect(states.filter((state) => state === 'up').length).toBeGreaterThan(0);
    expect(states[0]).toBe('down');
    expect(states.at(-1)).toBe('up');
  });

  test('failure mode 39: while the queue is away memory is bounded, in records and in bytes; what does not fit is refused', async () => {
    answer = () => Promise.reject(new Error('away'));
    const to = publisher({ capacity: 800 });
    // The call that fails has the first two hundred in hand; of the room, one caller may have half.
    expect(offerMany(to, 600)).toBe(600);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(offerMany(to, 150)).toBe(0);
    expect(to.waiting).toBe(600);

    // One is taken out already, to see when it is due.
    const bytes = publisher({ capacityBytes: 1_000_000 });
    const fits = Array.from({ length: 20 }, () => bytes.offer(textOf(aRecord({ user_agent: 'x'.repeat(100_000) }))));
    expect(fits.filter(Boolean)).toHaveLength(6);

    answer = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(to.waiting).toBe(0);
    expect(bytes.waiting).toBe(0);
    expect(accepted).toBe(606);
    expect(offerMany(to, 90)).toBe(90);
  });

  test('failure mode 48: while one caller floods a queue that is away, another finds room and waits for a turn only', async () => {
    answer = () => Promise.reject(new Error('away'));
    const to = publisher({ capacity: 2_000 });
    const flood = Array.from({ length: 5_000 }, () => to.offer(textOf(aRecord({ login: 'a@example.com' }))));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(flood.filter(Boolean)).toHaveLength(1_200);
    const few = Array.from({ length: 20 }, () => to.offer(textOf(aRecord({ login: 'b@example.com' }))));
    expect(few.filter(Boolean)).toHaveLength(20);
    answer = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(accepted).toBe(1_220);
    // The two hundred that the failing call had in hand come first, then each has its turns.
    const last = kept.map(({ login }) => login).lastIndexOf('b@example.com');
    expect(last).toBeLessThan(200 + 60);
  });

  test('a drain sends what waits at once, takes nothing more, and says how many it had to leave', async () => {
    const to = publisher();
    offerMany(to, 10);
    const drained = to.drain(1_000);
    expect(to.offer(textOf(aRecord()))).toBe(false);
    await vi.advanceTimersByTimeAsync(0);
    expect(await drained).toBe(0);
    expect(added).toEqual([[10]]);

    answer = () => Promise.reject(new Error('away'));
    const stuck = publisher();
    offerMany(stuck, 60);
    const left = stuck.drain(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await left).toBe(60);
  });

  test('a drain ends in time also when the queue never answers', async () => {
    answer = () => new Promise(() => undefined);
    const to = publisher();
    offerMany(to, 60);
    const left = to.drain(500);
    await vi.advanceTimersByTimeAsync(501);
    expect(await left).toBe(60);
  });
});
