import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HOLD_MS } from '../../src/contract/quota.ts';
import type { BucketClaim, BucketHolding, QuotaStore } from '../../src/contract/quota.ts';
import { SWEPT_AT_ONCE } from '../../src/store/quota-store.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { backends } from './quota-backends.ts';
import type { Backend } from './quota-backends.ts';

const DAY_MS = 86_400_000;
/** Nothing flows back: every balance is exact. */
const NO_RATE = { amount: 0, periodMs: DAY_MS };
/** One a millisecond. */
const ONE_A_MS = { amount: DAY_MS, periodMs: DAY_MS };
const MOST = Number.MAX_SAFE_INTEGER;
const KEY = 'daily:alice@example.com';

function claimOf(claim: Partial<BucketClaim> = {}): BucketClaim {
  const nothing = { spent: 0, committed: 0, asked: 0, lease: 0, known: undefined };
  return { key: KEY, capacity: 1_000, rate: NO_RATE, ...nothing, ...claim };
}

/** One process as its ledger would be: it says all that it spent, and what it last heard. */
class Life {
  readonly #spent = new Map<string, number>();
  readonly #known = new Map<string, NonNullable<BucketClaim['known']>>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  spend(amount: number, key = KEY): void {
    this.#spent.set(key, (this.#spent.get(key) ?? 0) + amount);
  }

  async claim(store: QuotaStore, claim: Partial<BucketClaim> = {}): Promise<BucketHolding> {
    const { key = KEY } = claim;
    const spent = this.#spent.get(key) ?? 0;
    const [holding] = await store.claim(this.#name, [claimOf({ spent, known: this.#known.get(key), ...claim })]);
    this.#known.set(key, { generation: holding!.generation, balance: holding!.balance, spent });
    return holding!;
  }
}

describe.each(backends.map((make) => ({ backend: make() })).map(({ backend }) => ({ name: backend.name, backend })))(
  'buckets in $name',
  ({ backend }: { backend: Backend }) => {
    let store: QuotaStore;
    const opened: QuotaStore[] = [];
    const open = (): QuotaStore => {
      const one = backend.open();
      opened.push(one);
      return one;
    };
    const claim = async (life: string, wish: Partial<BucketClaim> = {}): Promise<BucketHolding> =>
      (await store.claim(life, [claimOf(wish)]))[0]!;
    /** With what may have flowed back while the test itself ran, at one a millisecond. */
    const balanceAfter = async (work: () => Promise<unknown>): Promise<{ balance: number; slack: number }> => {
      const fromMs = performance.now();
      await work();
      const { balance } = await claim('a', { rate: ONE_A_MS });
      return { balance, slack: performance.now() - fromMs + CLOCK_SLACK_MS };
    };

    beforeAll(() => backend.start());
    beforeEach(async () => {
      await backend.empty();
      store = open();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
    });
    afterAll(() => backend.stop());

    describe('a bucket that is not there', () => {
      test('is made full', async () => {
        const holding = await claim('a');
        expect(holding).toEqual({
          key: KEY,
          generation: expect.stringMatching(/^.{16,}$/),
          balance: 1_000,
          heldByOthers: 0,
          held: 0,
        });
        expect((await claim('b', { key: 'weekly' })).generation).not.toBe(holding.generation);
        expect((await claim('b')).generation).toBe(holding.generation);
      });

      test.each([
        ['of what a life knew', { balance: 70, spent: 30 }, 30, 70],
        ['of what a life knew, less what it spent since', { balance: 70, spent: 30 }, 45, 55],
        ['at most full', { balance: 5_000, spent: 30 }, 30, 1_000],
        ['below zero, where it was', { balance: -20, spent: 30 }, 31, -21],
      ])('is made again %s', async (_, known, spent, balance) => {
        const holding = await claim('a', { spent, known: { generation: 'forgotten', ...known } });
        expect(holding.balance).toBe(balance);
        expect(holding.generation).not.toBe('forgotten');
      });

      test('with a capacity of nothing gives nothing', async () => {
        expect(await claim('a', { capacity: 0, asked: 5, lease: 5 })).toMatchObject({ balance: 0, held: 0 });
      });
    });

    describe('refill', () => {
      test('flows by the time that has passed', async () => {
        await claim('a', { rate: ONE_A_MS });
        await claim('b', { rate: ONE_A_MS, spent: 900 });
        const { balance, slack } = await balanceAfter(() => backend.age(300));
        expect(balance).toBeGreaterThanOrEqual(400);
        expect(balance).toBeLessThanOrEqual(400 + slack);
      });

      test('ends at the capacity', async () => {
        await claim('a', { rate: ONE_A_MS, spent: 5_000 });
        await backend.age(10 * DAY_MS);
        expect((await claim('b', { rate: ONE_A_MS })).balance).toBe(1_000);
      });

      test('takes nothing where the clock was set back, and gives no time twice', async () => {
        await claim('b', { rate: ONE_A_MS, spent: 900 });
        const { balance, slack } = await balanceAfter(async () => {
          await backend.age(-50_000);
          await claim('b', { rate: ONE_A_MS, spent: 900 });
        });
        expect(balance).toBeGreaterThanOrEqual(100);
        expect(balance).toBeLessThanOrEqual(100 + slack);
      });

      test('goes by what was defined until now, and by the new definition from now on', async () => {
        await claim('a', { spent: 900 });
        await backend.age(DAY_MS);
        // A day of the old rate, which is none.
        expect((await claim('a', { spent: 900, rate: ONE_A_MS })).balance).toBe(100);
        await backend.age(DAY_MS);
        // A day of the new one.
        expect((await claim('a', { spent: 900, rate: NO_RATE })).balance).toBe(1_000);
      });

      test('a lower capacity caps the balance for good, a higher one leaves it', async () => {
        await claim('a', { spent: 100 });
        expect((await claim('b', { capacity: 600 })).balance).toBe(600);
        expect((await claim('a', { capacity: 2_000, spent: 100 })).balance).toBe(600);
      });
    });

    describe('what a life spent', () => {
      test('is booked once, however often it is said, and in whatever order it arrives', async () => {
        const balances: number[] = [];
        for (const spent of [30, 30, 20, 40, 0, 1_100]) balances.push((await claim('a', { spent })).balance);
        expect(balances).toEqual([970, 970, 970, 960, 960, -100]);
      });

      test('adds to what others spent', async () => {
        await claim('a', { spent: 30 });
        expect((await claim('b', { spent: 5 })).balance).toBe(965);
        expect((await claim('a', { spent: 31 })).balance).toBe(964);
      });
    });

    describe('what is held', () => {
      test.each([
        ['what is asked, and a quarter of the rest at most', { asked: 100, lease: 5_000 }, 325],
        ['the whole wish, where a quarter is more', { asked: 100, lease: 7 }, 107],
        ['whole nanodollars of a lease', { capacity: 11, lease: 100 }, 2],
        ['all that there is', { asked: 5_000, lease: 100 }, 1_000],
        ['what is committed besides', { committed: 600, asked: 300, lease: 400 }, 925],
        ['what is committed, above all that there is', { committed: 1_200, asked: 5, lease: 5 }, 1_200],
        ['what is committed, in debt', { spent: 3_000, committed: 7, asked: 5, lease: 5 }, 7],
      ])('is %s', async (_, wish, held) => {
        expect(await claim('a', wish)).toMatchObject({ held, heldByOthers: 0 });
      });

      test('is out of what others leave', async () => {
        await claim('a', { asked: 300 });
        await claim('b', { committed: 25 });
        expect(await claim('c', { committed: 75, asked: 700 })).toMatchObject({ held: 675, heldByOthers: 325 });
        expect(await claim('d', { asked: 1 })).toMatchObject({ held: 0, heldByOthers: 1_000 });
        // Anew each time: what is not said again is given back.
        expect(await claim('a')).toMatchObject({ held: 0, heldByOthers: 700 });
        expect(await claim('d', { asked: 400 })).toMatchObject({ held: 300, heldByOthers: 700 });
      });

      test('is given back when nothing was heard of its life for long enough', async () => {
        await claim('a', { asked: 1_000 });
        await backend.age(HOLD_MS / 2);
        expect(await claim('b', { asked: 10 })).toMatchObject({ held: 0, heldByOthers: 1_000 });
        await backend.age(HOLD_MS / 2 + 1);
        expect(await claim('b', { asked: 10 })).toMatchObject({ held: 10, heldByOthers: 0 });
        expect((await store.list({ limit: 1 }))[0]).toMatchObject({ held: 10 });
      });

      test('together with what others hold it is never more than there is', async () => {
        const stores = [store, open(), open()];
        const claims = Array.from({ length: 90 }, (_, index) => {
          const wish = claimOf({ asked: (index * 37) % 500, lease: (index * 53) % 700 });
          return stores[index % 3]!.claim(`life ${index % 3}`, [wish]);
        });
        const answers = (await Promise.all(claims)).flat();
        expect(answers).toHaveLength(90);
        const most = answers.map(({ held, heldByOthers }) => held + heldByOthers);
        expect(Math.max(...most)).toBeLessThanOrEqual(1_000);
        expect(Math.max(...most)).toBeGreaterThan(500);
      });
    });

    describe('a life that is gone', () => {
      /** Somebody claims all the while, so that a silence of others is theirs and not the store's. */
      const hearOthers = async (): Promise<void> => {
        for (let minutes = 0; minutes < 12; minutes += 4) {
          await claim('b');
          await backend.age(4 * 60_000);
        }
      };

      test('is forgotten after two days, with what it said and not what it spent', async () => {
        await claim('a', { spent: 30 });
        await backend.age(2 * DAY_MS - 60 * 60_000);
        await hearOthers();
        expect((await claim('b')).balance).toBe(970);
        expect((await backend.stored(KEY)).lives).toEqual(['a', 'b']);
        await backend.age(60 * 60_000);
        await hearOthers();
        expect((await claim('b')).balance).toBe(970);
        expect((await backend.stored(KEY)).lives).toEqual(['b']);
      });

      test('is not one that is only idle here', async () => {
        const a = new Life('a');
        a.spend(30);
        await a.claim(store);
        await backend.age(3 * DAY_MS);
        await a.claim(store, { key: 'another' });
        await hearOthers();
        await claim('b');
        expect((await a.claim(store)).balance).toBe(970);
      });
    });

    describe('several buckets at once', () => {
      test('are answered in the order in which they were claimed', async () => {
        const keys = ['m', 'a', 'z', 'é', 'b'];
        const holdings = await store.claim(
          'a',
          keys.map((key, index) => claimOf({ key, spent: index })),
        );
        expect(holdings.map(({ key, balance }) => [key, balance])).toEqual(keys.map((key, at) => [key, 1_000 - at]));
      });

      test('claimed by many in any order, all are answered, and all is booked', async () => {
        const stores = [store, open()];
        const keys = ['a', 'b', 'c', 'd', 'e', '\u{10348}', '\ufffd'];
        const claims = Array.from({ length: 80 }, (_, index) => {
          const from = index % keys.length;
          const turned = [...keys.slice(from), ...keys.slice(0, from)];
          const inOrder = index % 3 === 0 ? turned.reverse() : turned;
          const wishes = inOrder.slice(0, 5).map((key) => claimOf({ key, spent: index }));
          return stores[index % 2]!.claim(`life ${index}`, wishes);
        });
        expect((await Promise.all(claims)).every((holdings) => holdings.length === 5)).toBe(true);
        const booked = (await store.list({ limit: 100 })).reduce((sum, { balance }) => sum + (1_000 - balance), 0);
        expect(booked).toBe(5 * ((79 * 80) / 2));
      });
    });

    test('claims, refills and sweeps at a time are all answered', async () => {
      const stores = [store, open()];
      const keys = Array.from({ length: 12 }, (_, index) => `${index}`);
      const all = Array.from({ length: 40 }, (_, index) => {
        const wishes = (index % 2 ? keys : keys.toReversed()).map((key) => claimOf({ key }));
        const one = stores[index % 2]!;
        if (index % 5 === 0) return one.sweep((key) => key === '3');
        if (index % 7 === 0) return one.refill('3', 5);
        return one.claim(`life ${index}`, wishes);
      });
      const rejected = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected');
      expect(rejected).toEqual([]);
      await store.claim(
        'a',
        keys.map((key) => claimOf({ key })),
      );
      expect((await store.list({ limit: 20 })).map(({ key }) => key)).toEqual(keys.toSorted());
    });

    describe('a store that lost something', () => {
      test('put back to an older copy, it heals when lives say again what they spent', async () => {
        const [a, b, c] = [new Life('a'), new Life('b'), new Life('c')];
        a.spend(10);
        b.spend(20);
        await a.claim(store);
        await b.claim(store);
        const restore = await backend.copy();
        a.spend(1);
        b.spend(2);
        // A life, and a bucket, that the copy does not know.
        c.spend(4);
        c.spend(100, 'later');
        b.spend(50, 'later');
        for (const life of [a, b, c]) await life.claim(store);
        for (const life of [b, c]) await life.claim(store, { key: 'later' });
        await restore();
        expect((await store.list({ limit: 9 })).map(({ key, balance }) => [key, balance])).toEqual([[KEY, 970]]);
        c.spend(8);
        // The copy is of long ago, and others come before those that it knows.
        await backend.age(30 * DAY_MS);
        await claim('new');
        await claim('new', { key: 'later' });
        for (const life of [a, b, c]) {
          await life.claim(store);
          await life.claim(store, { key: 'later' });
        }
        expect((await a.claim(store)).balance).toBe(1_000 - 11 - 22 - 12);
        expect((await a.claim(store, { key: 'later' })).balance).toBe(1_000 - 150);
      });

      test.each<[string, ('a' | 'b' | 'new')[]]>([
        ['the life that was heard of last comes first', ['b', 'a']],
        ['a life that was heard of earlier comes first', ['a', 'b']],
        ['a new life comes first, that knows of nothing', ['new', 'a', 'b']],
        ['a new life comes between', ['a', 'new', 'b']],
      ])('emptied, its buckets are made again exactly: %s', async (_, order) => {
        const lives = { a: new Life('a'), b: new Life('b'), new: new Life('new') };
        const { a, b } = lives;
        a.spend(100);
        await a.claim(store);
        b.spend(30);
        await b.claim(store);
        await backend.empty();
        // Spent, and said to nobody yet.
        a.spend(5);
        b.spend(7);
        for (const name of order) await lives[name].claim(store);
        for (const life of [a, b, a]) expect((await life.claim(store)).balance).toBe(1_000 - 105 - 37);
      });
    });

    describe('what an operator sees', () => {
      test('is what there is now, and looking changes nothing', async () => {
        const fromMs = performance.now();
        await claim('a', { rate: ONE_A_MS, spent: 900, committed: 40 });
        await claim('b', { rate: ONE_A_MS, committed: 2 });
        const nowMs = Date.now();
        await backend.age(300);
        const before = await backend.stored(KEY);
        const [row] = await store.list({ limit: 10 });
        const slack = performance.now() - fromMs + CLOCK_SLACK_MS;
        expect(row).toMatchObject({ key: KEY, capacity: 1_000, rate: ONE_A_MS, held: 42 });
        expect(row!.balance).toBeGreaterThanOrEqual(400);
        expect(row!.balance).toBeLessThanOrEqual(400 + slack);
        expect(Math.abs(row!.updatedAtMs - (nowMs - 300))).toBeLessThan(slack);
        expect(await backend.stored(KEY)).toEqual(before);
      });

      test('comes in pages, by the bytes of keys', async () => {
        const inOrder = ['Z', 'a', 'a:1', 'b', 'é', '\ufffd', '\u{10348}'];
        await store.claim(
          'a',
          inOrder.toReversed().map((key) => claimOf({ key })),
        );
        for (const limit of [1, 2, 3, 7, 8]) {
          const seen: string[] = [];
          let after: string | undefined;
          for (;;) {
            const page = await store.list({ limit, ...(after === undefined ? {} : { after }) });
            expect(page.length).toBeLessThanOrEqual(limit);
            seen.push(...page.map(({ key }) => key));
            if (page.length < limit) break;
            after = page.at(-1)!.key;
          }
          expect(seen).toEqual(inOrder);
        }
        const some = { keys: ['b', 'nobody', 'Z', 'é'] };
        const keysOf = async (page: { after?: string; limit: number }): Promise<string[]> =>
          (await store.list({ ...some, ...page })).map(({ key }) => key);
        expect(await keysOf({ limit: 10 })).toEqual(['Z', 'b', 'é']);
        expect(await keysOf({ limit: 1, after: 'Z' })).toEqual(['b']);
        expect(await store.list({ keys: [], limit: 10 })).toEqual([]);
      });
    });

    describe('a refill by hand', () => {
      test('adds, up to the capacity, and out of debt', async () => {
        await claim('a', { spent: 1_500 });
        expect(await store.refill(KEY, 200)).toMatchObject({ key: KEY, balance: -300, capacity: 1_000, held: 0 });
        expect(await store.refill(KEY, 400)).toMatchObject({ balance: 100 });
        expect((await claim('a', { spent: 1_500 })).balance).toBe(100);
        expect(await store.refill(KEY, 1e15)).toMatchObject({ balance: 1_000 });
        expect((await claim('a', { spent: 1_500 })).balance).toBe(1_000);
      });

      test('of a bucket that is not there makes none', async () => {
        expect(await store.refill(KEY, 200)).toBeUndefined();
        expect(await store.list({ limit: 1 })).toEqual([]);
      });

      test('comes on top of what flowed back', async () => {
        await claim('a', { rate: ONE_A_MS, spent: 900 });
        const { balance, slack } = await balanceAfter(async () => {
          await backend.age(300);
          await store.refill(KEY, 50);
        });
        expect(balance).toBeGreaterThanOrEqual(450);
        expect(balance).toBeLessThanOrEqual(450 + slack);
      });
    });

    test('a sweep deletes what is defined no more, in all pages', async () => {
      const keys = Array.from({ length: SWEPT_AT_ONCE + 50 }, (_, index) => `${index % 2 ? 'gone' : 'kept'}:${index}`);
      for (let at = 0; at < keys.length; at += 150) {
        await store.claim(
          'a',
          keys.slice(at, at + 150).map((key) => claimOf({ key })),
        );
      }
      const defines = (key: string): boolean => key.startsWith('kept:');
      expect(await store.sweep(defines)).toBe(keys.length / 2);
      expect((await store.list({ limit: 5_000 })).every(({ key }) => defines(key))).toBe(true);
      expect(await store.sweep(defines)).toBe(0);
      expect(await store.sweep(() => false)).toBe(keys.length / 2);
      expect(await store.list({ limit: 1 })).toEqual([]);
      // What comes back begins anew.
      expect((await claim('b', { key: 'gone:1' })).balance).toBe(1_000);
    });

    test('the largest amounts are exact to the nanodollar', async () => {
      expect(await claim('a', { capacity: MOST, committed: MOST - 2 })).toMatchObject({
        balance: MOST,
        held: MOST - 2,
      });
      const second = await claim('b', { capacity: MOST, asked: MOST });
      expect(second).toMatchObject({ held: 2, heldByOthers: MOST - 2 });
      expect((await claim('a', { capacity: MOST, spent: 1 })).balance).toBe(MOST - 1);
      expect((await claim('a', { capacity: MOST, spent: MOST - 1 })).balance).toBe(1);
      expect((await claim('a', { capacity: MOST, spent: MOST })).balance).toBe(0);
      expect((await store.refill(KEY, MOST - 1))?.balance).toBe(MOST - 1);
      expect((await store.list({ limit: 1 }))[0]).toMatchObject({ capacity: MOST, balance: MOST - 1 });
    });

    test('any run of claims comes to what a ledger on paper says', async () => {
      const amount = fc.integer({ min: 0, max: 600 });
      const step = fc.record({
        life: fc.constantFrom('a', 'b', 'c'),
        spend: fc.integer({ min: 0, max: 60 }),
        committed: fc.oneof(fc.constant(0), amount),
        asked: amount,
        lease: amount,
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          await backend.empty();
          let paper = 1_000;
          const spent = new Map<string, number>();
          const holds = new Map<string, number>();
          for (const { life, spend, ...wish } of steps) {
            spent.set(life, (spent.get(life) ?? 0) + spend);
            paper -= spend;
            holds.delete(life);
            const others = [...holds.values()].reduce((sum, each) => sum + each, 0);
            const left = Math.max(0, paper - others - wish.committed);
            const given = Math.min(wish.asked, left);
            holds.set(life, wish.committed + given + Math.min(wish.lease, Math.floor((left - given) / 4)));
            const { balance, held, heldByOthers } = await claim(life, { ...wish, spent: spent.get(life)! });
            expect({ balance, held, heldByOthers }).toEqual({
              balance: paper,
              held: holds.get(life),
              heldByOthers: others,
            });
          }
        }),
        { numRuns: 40 },
      );
    });

    describe('a server that is away', () => {
      const isBack = (one: QuotaStore): Promise<unknown> =>
        until(
          'it is back',
          () =>
            one.claim('a', [claimOf({ spent: 10 })]).then(
              ([holding]) => holding?.balance === 990,
              () => false,
            ),
          60_000,
        );

      test('standing still, it holds no call for longer than two seconds; then it goes on', async () => {
        await claim('a', { spent: 10 });
        await store.list({ limit: 1 });
        const withinMs = 2_500 * slowness();
        backend.signal('SIGSTOP');
        try {
          const watch = stopwatch();
          const calls = [
            store.claim('a', [claimOf()]),
            store.list({ limit: 1 }),
            store.refill('nobody', 1),
            store.sweep(() => true),
            ...Array.from({ length: 20 }, () => store.claim('a', [claimOf()])),
          ];
          const ends = await Promise.allSettled(
            calls.map((call) => call.finally(() => expect(watch.ms()).toBeLessThan(withinMs))),
          );
          for (const end of ends)
            expect(end).toMatchObject({ reason: { message: expect.not.stringMatching(/expect/) } });
        } finally {
          backend.signal('SIGCONT');
        }
        await isBack(store);
      });

      test('killed, it rejects soon; a store of before and one that was opened meanwhile go on by themselves', async () => {
        await claim('a', { spent: 10 });
        await backend.kill();
        const late = open();
        for (const one of [store, late]) {
          // A connection of before may still be served for a moment.
          await until('it rejects', async () => {
            const watch = stopwatch();
            const rejected = await one.claim('a', [claimOf({ spent: 10 })]).then(
              () => false,
              () => true,
            );
            expect(watch.ms()).toBeLessThan(2_500 * slowness());
            watch.stop();
            return rejected;
          });
        }
        await backend.restart();
        await isBack(store);
        await isBack(late);
      });
    });
  },
);

/** Of a server's clock against ours, and of what a test does between two looks at it. */
const CLOCK_SLACK_MS = 50;
