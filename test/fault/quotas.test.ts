import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecordRow } from '../support/gateway.ts';
import { slowness } from '../support/machine.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import {
  chargedIn,
  COST,
  costOf,
  counted,
  dollars,
  expectAway,
  expectRefusal,
  MODEL,
  recordsWithCharges,
  startQuotaGateways,
} from '../support/quota-gateways.ts';
import type { Answer, AskOptions, QuotaGateways, QuotaGatewaysOptions } from '../support/quota-gateways.ts';
import { until } from '../support/until.ts';

const CLOSE_WITHIN_MS = 120_000;

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres('quotas');
});
afterAll(() => postgres.stop());

/** Gateways for the tests of one `describe`, of which each has buckets of its own: starts take longer than tests. */
function together(options: Omit<QuotaGatewaysOptions, 'postgres'>): () => QuotaGateways {
  let house: QuotaGateways | undefined;
  beforeAll(async () => {
    house = await startQuotaGateways({ ...options, postgres });
  }, CLOSE_WITHIN_MS);
  afterAll(() => house?.close(), CLOSE_WITHIN_MS);
  return () => {
    if (house === undefined) throw new Error('gateways were started');
    return house;
  };
}

const STRICT_MODEL = 'gpt-5';
/** Costs what `MODEL` does: a snapshot of it, with a bucket of its own. */
const LATE_MODEL = `${MODEL}-2025-08-07`;
const PARALLEL = 200;
/** Nothing flows back. */
const NO_RATE = '$0.00/day';

describe('failure mode 3: an empty budget, asked by all at once', () => {
  const SPENT_BEFORE = 3;
  const CAPACITY = (SPENT_BEFORE + 1) * COST;
  /** A few of the most that `STRICT_MODEL` can cost for such a request, five times as dear as the other. */
  const STRICT_CAPACITY = 25 * COST;
  const LATE_CAPACITY = (PARALLEL - 40) * COST;
  const PLENTY = 1_000_000 * COST;
  const quotas = (late: number): Record<string, unknown> => ({
    balance: { capacity: dollars(CAPACITY), rate: NO_RATE },
    strict: { capacity: dollars(STRICT_CAPACITY), rate: NO_RATE, reserve: 'strict' },
    late: { capacity: dollars(late), rate: NO_RATE },
  });
  const ATTACH = [
    { models: `openai/${MODEL}`, quotas: [{ bucket: 'balance' }] },
    { models: `openai/${STRICT_MODEL}`, quotas: [{ bucket: 'strict' }] },
    { models: `openai/${LATE_MODEL}`, quotas: [{ bucket: 'late' }] },
  ];

  const WORLDS: { what: string; processes: number; redis?: 'keeps' }[] = [
    { what: 'one process', processes: 1 },
    { what: 'three processes with Postgres', processes: 3 },
    { what: 'three processes with Redis', processes: 3, redis: 'keeps' },
  ];
  describe.each(WORLDS)('$what', ({ what, ...shape }) => {
    const late = shape.redis === undefined ? PLENTY : LATE_CAPACITY;
    const world = together({ ...shape, quotas: quotas(late), attach: ATTACH });

    test('200 requests at once overspend by one request a process at most, and by none where strict', async () => {
      const gateways = world();
      for (let at = 0; at < SPENT_BEFORE; at++) expect((await gateways.ask(at % shape.processes)).status).toBe(200);
      const balance = await burst(gateways, PARALLEL);
      const strict = await burst(gateways, PARALLEL, { model: STRICT_MODEL });
      expectRefusals([...balance, ...strict]);
      const records = await recordsOf(gateways, SPENT_BEFORE + 2 * PARALLEL);
      const over = overspent(records, MODEL, CAPACITY);
      const strictlyOver = overspent(records, STRICT_MODEL, STRICT_CAPACITY);
      console.log(
        `${what}: balance ${say(balance)}, overspent ${over / COST} requests; ` +
          `strict ${say(strict)}, overspent ${strictlyOver}`,
      );
      expect(over).toBeLessThanOrEqual(shape.processes * COST);
      // What is left is spent, too.
      expect(over).toBeGreaterThanOrEqual(0);
      expect(strictlyOver).toBeLessThanOrEqual(0);
      expect(strict.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
      await expectBooks(gateways, records, { balance: CAPACITY, strict: STRICT_CAPACITY });
    }, 120_000);

    if (shape.processes === 1) {
      test('where nobody gets near the budget nobody waits for the store, and it is told by the tick alone', async () => {
        const gateways = world();
        // The first one asks: nothing is held before.
        for (const { status } of await burst(gateways, 5, { model: LATE_MODEL })) expect(status).toBe(200);
        const counts = async (): Promise<{ asked: number; claims: number; atMs: number }> => ({
          asked: await gateways.metric(0, 'aperture_quota_requests_asked_total'),
          claims: await gateways.metric(0, 'aperture_quota_claims_total'),
          atMs: performance.now(),
        });
        const before = await counts();
        expect(before.asked).toBeGreaterThan(0);
        for (let sent = 0; sent < 250; sent += 25) {
          for (const { status } of await burst(gateways, 25, { model: LATE_MODEL })) expect(status).toBe(200);
        }
        const after = await counts();
        const seconds = (after.atMs - before.atMs) / 1_000;
        const claims = after.claims - before.claims;
        console.log(
          `250 requests in ${seconds.toFixed(1)} s: ${claims} claims, ${after.asked - before.asked} requests asked`,
        );
        expect(after.asked).toBe(before.asked);
        // One a second, and one that was due.
        expect(claims).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
      }, 120_000);
    }

    if (shape.redis === undefined) return;
    test('Redis killed half-way: the same, and 503 where the store is away', { timeout: 120_000 }, async () => {
      const gateways = world();
      const slowly = { model: LATE_MODEL, sim: 'pace=20ms;first_event=100ms' };
      const before = await burst(gateways, PARALLEL / 2, slowly);
      // As claims are on their way, and with requests under way afterwards.
      const [within] = await Promise.all([burst(gateways, PARALLEL / 4, slowly), gateways.redis?.kill()]);
      const answers = [...before, ...within, ...(await burst(gateways, PARALLEL / 4, slowly))];
      expectRefusals(answers);
      await gateways.redis?.start();
      const records = await recordsOf(gateways, PARALLEL, `&model=${LATE_MODEL}`);
      const over = overspent(records, LATE_MODEL, LATE_CAPACITY);
      console.log(`${what}, killed half-way: ${say(answers)}, overspent ${over / COST} requests`);
      expect(over).toBeLessThanOrEqual(shape.processes * COST);
      expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
      await expectBooks(gateways, records, { late: LATE_CAPACITY });
    });
  });
});

describe('failure mode 4: two processes and a Redis that forgets', () => {
  const CAPACITY = 1_000 * COST;
  const QUOTA = { shared: { capacity: dollars(CAPACITY), rate: NO_RATE } };
  const ATTACH = [{ models: '**', quotas: [{ bucket: 'shared' }] }];
  const HEALS_WITHIN_MS = 5_000 * slowness();
  const world = together({ processes: 2, redis: 'forgets', quotas: QUOTA, attach: ATTACH });
  let spent = 0;

  test.for([
    { what: 'put back to an older copy', forget: backToSnapshot },
    { what: 'emptied', forget: emptied },
  ])(
    '$what: the balance is exact again within five seconds, without a look at the records',
    { timeout: 120_000 },
    async ({ what, forget }) => {
      const gateways = world();
      const spend = async (count: number): Promise<void> => {
        countSpent(await burst(gateways, count));
      };
      const countSpent = (answers: readonly Answer[]): void => {
        expectRefusals(answers);
        const good = answers.filter(({ status }) => status === 200);
        expect(good.length).toBeGreaterThan(answers.length / 2);
        spent += good.length * COST;
      };
      await spend(30);
      await balanceBecomes(gateways, CAPACITY - spent, 30_000);
      await gateways.redis?.save();
      await spend(50);
      await balanceBecomes(gateways, CAPACITY - spent, 30_000);
      // What the store hears of last, it forgets first: some of it while answers are under way.
      const underWay = burst(gateways, 20, { sim: 'delay=500ms' });
      await forget(gateways);
      countSpent(await underWay);
      const tookMs = await balanceBecomes(gateways, CAPACITY - spent, HEALS_WITHIN_MS);
      console.log(`Redis ${what}: right again after ${Math.round(tookMs)} ms, ${spent / COST} requests spent`);
      await spend(10);
      await balanceBecomes(gateways, CAPACITY - spent, HEALS_WITHIN_MS);
      const settled = await gateways.settled();
      expect(Number(settled.get('shared')?.balance_nanodollars)).toBe(CAPACITY - spent);
    },
  );

  async function backToSnapshot({ redis }: QuotaGateways): Promise<void> {
    await redis?.kill();
    await redis?.start();
  }

  async function emptied({ redis }: QuotaGateways): Promise<void> {
    await redis?.flush();
  }

  /** Answers how long it took. Once it is right it stays so: nothing else is spent meanwhile. */
  async function balanceBecomes(gateways: QuotaGateways, expected: number, withinMs: number): Promise<number> {
    const fromMs = performance.now();
    let last = Number.NaN;
    await until(
      'the balance is right',
      async () => {
        last = await gateways.bucket('shared').then(
          (bucket) => Number(bucket.balance_nanodollars),
          () => Number.NaN,
        );
        return last === expected;
      },
      withinMs,
    ).catch(() => undefined);
    expect(last).toBe(expected);
    return performance.now() - fromMs;
  }
});

/** All at once, to each process in turn. */
function burst(gateways: QuotaGateways, count: number, options?: AskOptions): Promise<Answer[]> {
  const processes = gateways.gateways.length;
  return Promise.all(Array.from({ length: count }, (_, at) => gateways.ask(at % processes, options)));
}

/** Who is not answered is told why: nothing is left, or the store took longer than anybody waits for it. */
function expectRefusals(answers: readonly Answer[]): void {
  for (const answer of answers) {
    if (answer.status === 503) expectAway(answer);
    else if (answer.status !== 200) expectRefusal(answer);
  }
}

function say(answers: readonly Answer[]): string {
  return JSON.stringify(counted(answers.map(({ status }) => status)));
}

/** All of them, whoever served them: the database is one. */
async function recordsOf(gateways: QuotaGateways, count: number, query = ''): Promise<RecordRow[]> {
  const records = await recordsWithCharges(gateways.gateway(0), count, query);
  expect(records.length).toBe(count);
  return records;
}

function overspent(records: readonly RecordRow[], model: string, capacity: number): number {
  return costOf(records.filter((record) => record.model === model)) - capacity;
}

/** Nothing is reserved; what is gone from a bucket is what records were charged there, and that is what they cost. */
async function expectBooks(
  gateways: QuotaGateways,
  records: readonly RecordRow[],
  capacities: Record<string, number>,
): Promise<void> {
  const charged = chargedIn(records);
  for (const record of records) {
    const sum = record.quota_charges.reduce((before, { nanodollars }) => before + nanodollars, 0);
    expect(sum, record.id).toBe(Number(record.cost_nanodollars ?? 0));
  }
  let balances: Record<string, number> = {};
  const expected = Object.fromEntries(
    Object.entries(capacities).map(([name, capacity]) => [name, capacity - (charged.get(name) ?? 0)]),
  );
  await gateways.settled();
  await until(
    'balances are what the records say',
    async () => {
      const found = await gateways.buckets();
      balances = Object.fromEntries(
        Object.keys(capacities).map((name) => [name, Number(found.get(name)?.balance_nanodollars ?? capacities[name])]),
      );
      return Object.entries(expected).every(([name, balance]) => balances[name] === balance);
    },
    30_000,
  ).catch(() => undefined);
  expect(balances).toEqual(expected);
}
