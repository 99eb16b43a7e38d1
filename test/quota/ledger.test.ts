import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import type { QuotaDefinition } from '../../src/contract/quota.ts';
import { QuotaLedger } from '../../src/quota/ledger.ts';
import type { Admission } from '../../src/quota/ledger.ts';
import { HandClock } from '../support/hand-clock.ts';
import { MemoryStore } from './memory-store.ts';

const DAY_MS = 86_400_000;
const DOLLAR = 1_000_000_000;
const ALICE = { user: 'alice@example.com', node: 'n1' };

function quota(name: string, dollars: number, more: Partial<QuotaDefinition> = {}): QuotaDefinition {
  return {
    name,
    capacity: dollars * DOLLAR,
    rate: { amount: 0, periodMs: DAY_MS },
    overdraft: [],
    reserve: 'balance',
    denyStatus: 429,
    fail: 'closed',
    ...more,
  };
}

const about = (nanodollars: number) => ({ likely: nanodollars, most: nanodollars, why: undefined });

let clock: HandClock;
let store: MemoryStore;

beforeEach(() => {
  clock = new HandClock();
  store = new MemoryStore(() => clock.nowMs());
});

function ledgerOf(definitions: readonly QuotaDefinition[], life = 'a'): QuotaLedger {
  const ledger = new QuotaLedger({ life, clock, claim: (each, claims) => store.claim(each, claims) });
  ledger.reconfigure(definitions);
  return ledger;
}

const newId = (): ExchangeId => mintExchangeId(clock.nowMs());

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Ticks until it is over. */
async function ticking<T>(ledgers: readonly QuotaLedger[], work: Promise<T>): Promise<T> {
  const state = { over: false };
  const done = work.finally(() => {
    state.over = true;
  });
  while (!state.over) {
    clock.advance(1_000);
    for (const ledger of ledgers) await told(ledger);
  }
  return done;
}

async function told(ledger: QuotaLedger): Promise<void> {
  ledger.tick();
  await settled();
}

describe('a bucket', () => {
  test('is charged what a request cost, and not what was reserved', async () => {
    const ledger = ledgerOf([quota('daily:<user>', 10)]);
    const id = newId();
    const admitted = await ledger.reserve(id, ['daily:<user>'], ALICE, about(2 * DOLLAR));
    expect(admitted).toMatchObject({ ok: true, value: { quotas: [['daily:alice@example.com']] } });
    expect(ledger.bucket('daily:alice@example.com')).toMatchObject({ reserved: 2 * DOLLAR, spent: 0 });
    const { charges, made } = ledger.charge(id, [['daily:alice@example.com']], 123_456_789);
    expect(charges).toEqual([{ bucket: 'daily:alice@example.com', nanodollars: 123_456_789 }]);
    expect(made).toEqual({ life: 'a', charges, spent: { 'daily:alice@example.com': 123_456_789 } });
    await told(ledger);
    expect(store.buckets.get('daily:alice@example.com')?.balance).toBe(10 * DOLLAR - 123_456_789);
    expect(ledger.stats().reservations).toBe(0);
  });

  test('charges an exchange once, however often its record is made', async () => {
    const ledger = ledgerOf([quota('org', 10)]);
    const id = newId();
    await ledger.reserve(id, ['org'], ALICE, about(DOLLAR));
    const first = ledger.charge(id, [['org']], 5);
    expect(ledger.charge(id, [['org']], 5)).toEqual({ charges: first.charges, made: undefined });
    expect(ledger.bucket('org')).toMatchObject({ reserved: 0, spent: 5 });
  });

  test('is charged what was reserved where the cost is known only later', async () => {
    const ledger = ledgerOf([quota('own', 0.5, { overdraft: ['extra'] }), quota('extra', 5)]);
    const id = newId();
    await ledger.reserve(id, ['own'], ALICE, about(DOLLAR));
    expect(ledger.charge(id, [['own', 'extra']], 'as reserved').charges).toEqual([
      { bucket: 'own', nanodollars: 0.5 * DOLLAR },
      { bucket: 'extra', nanodollars: 0.5 * DOLLAR },
    ]);
  });

  test('that is empty refuses, and says when enough has flowed back', async () => {
    const hourly = quota('org', 1, { rate: { amount: DOLLAR, periodMs: 3_600_000 } });
    const ledger = ledgerOf([hourly]);
    const id = newId();
    await ledger.reserve(id, ['org'], ALICE, about(DOLLAR / 2));
    ledger.charge(id, [['org']], 1.5 * DOLLAR);
    await told(ledger);
    expect(await ledger.reserve(newId(), ['org'], ALICE, about(1))).toEqual({
      ok: false,
      // Half a dollar short at a dollar an hour, and then one nanodollar.
      fault: { code: 'quota_exceeded', buckets: ['org'], retryAfterSeconds: 1801, status: 429, why: 'empty' },
    });
    clock.advance(1_801_000);
    await told(ledger);
    expect(await ledger.reserve(newId(), ['org'], ALICE, about(1))).toMatchObject({ ok: true });
  });

  test('of nothing refuses everything, for good', async () => {
    const ledger = ledgerOf([quota('nothing', 0, { denyStatus: 403 })]);
    expect(await ledger.reserve(newId(), ['nothing'], ALICE, about(0))).toEqual({
      ok: false,
      fault: { code: 'quota_exceeded', buckets: ['nothing'], retryAfterSeconds: undefined, status: 403, why: 'empty' },
    });
  });

  test('that the config does not define refuses', () => {
    const ledger = ledgerOf([quota('org', 1)]);
    expect(ledger.reserve(newId(), ['org', 'orgg'], ALICE, about(0))).toMatchObject({
      ok: false,
      fault: { code: 'quota_exceeded', buckets: ['orgg'], why: 'undefined' },
    });
  });

  test('with a lower capacity has no more than that; with a higher one what it had', async () => {
    const ledger = ledgerOf([quota('org', 10)]);
    await ledger.reserve(newId(), ['org'], ALICE, about(1));
    ledger.reconfigure([quota('org', 2)]);
    await ledger.reserve(newId(), ['org'], ALICE, about(1));
    await told(ledger);
    expect(store.buckets.get('org')?.balance).toBe(2 * DOLLAR);
    ledger.reconfigure([quota('org', 20)]);
    await ledger.reserve(newId(), ['org'], ALICE, about(1));
    await told(ledger);
    expect(store.buckets.get('org')?.balance).toBe(2 * DOLLAR);
  });
});

test('a bucket whose definition is gone is not told of, and a later one of its name begins full', async () => {
  const ledger = ledgerOf([quota('org', 10)]);
  const id = newId();
  await ledger.reserve(id, ['org'], ALICE, about(DOLLAR));
  ledger.charge(id, [['org']], DOLLAR);
  await told(ledger);
  ledger.reconfigure([]);
  store.buckets.clear();
  await told(ledger);
  expect(store.buckets.size).toBe(0);
  ledger.reconfigure([quota('org', 5)]);
  const next = newId();
  expect(await ledger.reserve(next, ['org'], ALICE, about(DOLLAR))).toMatchObject({ ok: true });
  ledger.charge(next, [['org']], 2 * DOLLAR);
  await told(ledger);
  expect(store.buckets.get('org')?.balance).toBe(3 * DOLLAR);
});

describe('several buckets', () => {
  test('are charged each, and reserve in all or in none', async () => {
    const ledger = ledgerOf([quota('daily:<user>', 10), quota('team', 0)]);
    expect(await ledger.reserve(newId(), ['daily:<user>', 'team'], ALICE, about(DOLLAR))).toMatchObject({
      ok: false,
      fault: { buckets: ['team'] },
    });
    expect(ledger.bucket('daily:alice@example.com')?.reserved).toBe(0);
  });

  test('cost one dollar each when a request costs one', async () => {
    const ledger = ledgerOf([quota('a', 10), quota('b', 10), quota('c', 10)]);
    const id = newId();
    await ledger.reserve(id, ['a', 'b', 'c'], ALICE, about(DOLLAR));
    ledger.charge(id, [['a'], ['b'], ['c']], DOLLAR);
    await told(ledger);
    expect([...store.buckets.values()].map(({ balance }) => balance)).toEqual([9 * DOLLAR, 9 * DOLLAR, 9 * DOLLAR]);
  });

  test('in a chain: from the first what it has, and the rest from the next', async () => {
    const ledger = ledgerOf([quota('own:<user>', 0.5, { overdraft: ['extra'] }), quota('extra', 5)]);
    const id = newId();
    await ledger.reserve(id, ['own:<user>'], ALICE, about(DOLLAR));
    const { charges } = ledger.charge(id, [['own:alice@example.com', 'extra']], 2 * DOLLAR);
    expect(charges).toEqual([
      { bucket: 'own:alice@example.com', nanodollars: 0.5 * DOLLAR },
      { bucket: 'extra', nanodollars: 1.5 * DOLLAR },
    ]);
  });

  test('that share one do not spend its last money twice', async () => {
    const strict = { reserve: 'strict' } as const;
    const ledger = ledgerOf([quota('own', 0, { overdraft: ['both'], ...strict }), quota('both', 1, strict)]);
    expect(await ledger.reserve(newId(), ['own', 'both'], ALICE, about(0.6 * DOLLAR))).toMatchObject({
      ok: false,
      fault: { code: 'quota_exceeded', buckets: ['own', 'both'] },
    });
    expect(ledger.bucket('both')?.reserved).toBe(0);
    expect(await ledger.reserve(newId(), ['own', 'both'], ALICE, about(0.5 * DOLLAR))).toMatchObject({ ok: true });
  });

  test('in a chain refuse until all of them together are above zero', async () => {
    const back = { amount: DOLLAR, periodMs: 1000 };
    const ledger = ledgerOf([quota('own', 1, { overdraft: ['extra'], rate: back }), quota('extra', 1)]);
    const id = newId();
    await ledger.reserve(id, ['own'], ALICE, about(DOLLAR));
    ledger.charge(id, [['own', 'extra']], 2.5 * DOLLAR);
    await told(ledger);
    expect(await ledger.reserve(newId(), ['own'], ALICE, about(1))).toMatchObject({
      ok: false,
      fault: { buckets: ['own', 'extra'], retryAfterSeconds: 1 },
    });
    clock.advance(1_000);
    await told(ledger);
    expect(await ledger.reserve(newId(), ['own'], ALICE, about(1))).toMatchObject({ ok: true });
  });
});

describe('failure mode 3: 200 requests at once against what one needs', () => {
  const many = (ledgers: readonly QuotaLedger[], estimate: number): Promise<Admission[]> =>
    Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        Promise.resolve(ledgers[at % ledgers.length]!.reserve(newId(), ['org'], ALICE, about(estimate))),
      ),
    );
  const admittedOf = (admissions: readonly Admission[]): number => admissions.filter(({ ok }) => ok).length;

  test.each([1, 3])('%i processes let one through', async (processes) => {
    const ledgers = Array.from({ length: processes }, (_, at) => ledgerOf([quota('org', 1)], `life-${at}`));
    expect(admittedOf(await ticking(ledgers, many(ledgers, DOLLAR)))).toBe(1);
  });

  test.each([1, 3])('strict, %i processes never reserve more than there is', async (processes) => {
    const strict = quota('org', 1, { reserve: 'strict' });
    const ledgers = Array.from({ length: processes }, (_, at) => ledgerOf([strict], `life-${at}`));
    // What is left over in one process may be too little for another request of the next.
    const admitted = admittedOf(await ticking(ledgers, many(ledgers, 0.3 * DOLLAR)));
    expect([2, 3]).toContain(admitted);
  });

  test('strict refuses what nothing bounds', () => {
    const ledger = ledgerOf([quota('org', 1, { reserve: 'strict' })]);
    const estimate = { likely: 1, most: undefined, why: 'server tools' };
    expect(ledger.reserve(newId(), ['org'], ALICE, estimate)).toMatchObject({
      ok: false,
      fault: { code: 'quota_exceeded', why: 'unbounded', detail: 'server tools' },
    });
  });
});

test('what was reserved beyond the balance is nobody’s once the request has cost less', async () => {
  const ledger = ledgerOf([quota('org', 1)]);
  const first = newId();
  expect(await ledger.reserve(first, ['org'], ALICE, about(10 * DOLLAR))).toMatchObject({ ok: true });
  await told(ledger);
  ledger.charge(first, [['org']], DOLLAR);
  for (let second = 0; second < 3; second++) {
    expect(await ledger.reserve(newId(), ['org'], ALICE, about(DOLLAR / 100))).toMatchObject({ ok: false });
    clock.advance(1_000);
    await told(ledger);
  }
  expect(store.buckets.get('org')?.balance).toBe(0);
});

describe('a store that is away', () => {
  test('stops nobody while there is something held, and then those that are set to fail', async () => {
    const ledger = ledgerOf([quota('org', 16, {})]);
    await ledger.reserve(newId(), ['org'], ALICE, about(DOLLAR / 2));
    store.away = true;
    let admitted = 0;
    let last: Admission = { ok: false, fault: { code: 'client_gone' } };
    for (let i = 0; i < 200; i++) {
      last = await ledger.reserve(newId(), ['org'], ALICE, about(DOLLAR / 2));
      if (last.ok) admitted += 1;
      if (i % 10 === 0) await told(ledger);
    }
    expect(admitted).toBeGreaterThanOrEqual(2);
    expect(admitted * (DOLLAR / 2)).toBeLessThanOrEqual(4 * DOLLAR);
    expect(last).toMatchObject({ ok: false, fault: { code: 'quota_unavailable', buckets: ['org'] } });
    store.away = false;
    await told(ledger);
    expect(await ledger.reserve(newId(), ['org'], ALICE, about(DOLLAR / 2))).toMatchObject({ ok: true });
  });

  test('set to local: the balance last known is gone by', async () => {
    const ledger = ledgerOf([quota('org', 16, { fail: 'local' })]);
    store.away = true;
    const all = [];
    for (let i = 0; i < 40; i++) all.push(await ledger.reserve(newId(), ['org'], ALICE, about(DOLLAR)));
    expect(all.filter(({ ok }) => ok).length).toBe(16);
  });
});

test('a bucket that is far from empty is decided without a call, in microseconds', async () => {
  const ledger = ledgerOf([quota('daily:<user>', 1000), quota('org', 100_000)]);
  const references = ['daily:<user>', 'org'];
  const warm = newId();
  await ledger.reserve(warm, references, ALICE, about(1000));
  ledger.charge(warm, [['daily:alice@example.com'], ['org']], 500);
  ledger.forget(warm);
  await told(ledger);
  const calls = store.calls;
  // CPU time, as the machine has other things to do; the median of blocks, as a collection may fall into one.
  const blocks = Array.from({ length: 41 }, () => {
    const ids = Array.from({ length: 1_000 }, newId);
    const began = process.cpuUsage();
    for (const id of ids) {
      const admission = ledger.reserve(id, references, ALICE, about(1000));
      if (admission instanceof Promise) throw new Error('it waits');
      ledger.charge(id, [['daily:alice@example.com'], ['org']], 500);
      ledger.forget(id);
    }
    return process.cpuUsage(began).user / ids.length;
  });
  const micros = blocks.toSorted((a, b) => a - b)[20] ?? Number.NaN;
  console.log(`reserve and charge in two buckets: ${micros.toFixed(2)} us`);
  expect(store.calls).toBe(calls);
  expect(micros).toBeLessThan(10);
});

test('what another process holds and does not use comes back within seconds', async () => {
  const [one, two] = [ledgerOf([quota('org', 1)], 'one'), ledgerOf([quota('org', 1)], 'two')];
  const id = newId();
  await one.reserve(id, ['org'], ALICE, about(DOLLAR / 10));
  one.release(id);
  for (let second = 0; second < 5; second++) {
    clock.advance(1_000);
    await told(one);
  }
  const strict = quota('org', 1, { reserve: 'strict' });
  two.reconfigure([strict]);
  expect(await two.reserve(newId(), ['org'], ALICE, about(DOLLAR))).toMatchObject({ ok: true });
});

test('whatever becomes of requests, over processes: nothing stays reserved, and balances are what was charged', async () => {
  const step = fc.record({
    life: fc.nat(2),
    chain: fc.constantFrom('a', 'b', 'both'),
    estimate: fc.nat(300),
    end: fc.constantFrom('charge', 'unknown cost', 'release', 'tick', 'away', 'back'),
    cost: fc.nat(400),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      clock = new HandClock();
      store = new MemoryStore(() => clock.nowMs());
      const definitions = [
        quota('a', 1, { capacity: 2_000, overdraft: ['b'] }),
        quota('b', 1, { capacity: 5_000, fail: 'local' }),
      ];
      const ledgers = [0, 1, 2].map((life) => ledgerOf(definitions, String(life)));
      const charged = new Map<string, number>();
      for (const { life, chain, estimate, end, cost } of steps) {
        const ledger = ledgers[life]!;
        store.away = end === 'away' || (store.away && end !== 'back');
        if (end === 'tick') await told(ledger);
        const id = newId();
        const references = chain === 'both' ? ['a', 'b'] : [chain];
        const admission = await ticking(
          ledgers,
          Promise.resolve(ledger.reserve(id, references, ALICE, about(estimate))),
        );
        if (!admission.ok) continue;
        if (end === 'release') ledger.release(id);
        else {
          const { charges } = ledger.charge(id, admission.value.quotas, end === 'unknown cost' ? 'unknown' : cost);
          for (const { bucket, nanodollars } of charges) {
            charged.set(bucket, (charged.get(bucket) ?? 0) + nanodollars);
          }
        }
      }
      store.away = false;
      clock.advance(10_000);
      for (let round = 0; round < 3; round++) for (const ledger of ledgers) await told(ledger);
      for (const ledger of ledgers) expect(ledger.stats()).toMatchObject({ reservations: 0, waiting: 0 });
      for (const [key, { balance, lives, capacity }] of store.buckets) {
        expect(balance, key).toBe(capacity - (charged.get(key) ?? 0));
        expect([...lives.values()].every(({ held }) => held === 0)).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});
