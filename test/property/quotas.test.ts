import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { ADMIN_GRANT, PROVIDER_KEY, quiescent } from '../flow/support.ts';
import { Dice, diceOf, fuzzSeed } from '../support/dice.ts';
import type { RecordRow } from '../support/gateway.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { drawEnding, endingProviders, play, TIMEOUTS, WAY_NAMES } from '../support/quota-endings.ts';
import type { Ended } from '../support/quota-endings.ts';
import { chargedIn, counted, dollars, recordsWithCharges, startQuotaGateways } from '../support/quota-gateways.ts';
import type { QuotaGateways } from '../support/quota-gateways.ts';
import { until } from '../support/until.ts';

/*
 * However exchanges end, and whatever dies meanwhile: afterwards nothing is reserved, and from every bucket is gone what
 * records were charged there, which is what they cost.
 */

const CAPACITY: Record<string, number> = { 'daily:(loopback)': 2_000_000, reserve: 40_000_000, org: 1_000_000_000 };
const NO_RATE = '$0.00/day';
const QUOTAS = {
  'daily:<user>': { capacity: dollars(2_000_000), rate: NO_RATE, overdraft: ['reserve'] },
  reserve: { capacity: dollars(40_000_000), rate: NO_RATE },
  org: { capacity: dollars(1_000_000_000), rate: NO_RATE },
};
const ATTACH = [{ models: '**', quotas: [{ bucket: 'daily:<user>' }, { bucket: 'org' }] }];
/** Each is charged in both. */
const CHAINS = 2;

describe('in one process', () => {
  const EXCHANGES = 600;
  const AT_ONCE = 24;
  let house: House;
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
    house = await openHouse({
      providers: endingProviders(simulator.url, await freePort()),
      quotas: QUOTAS,
      grants: [ADMIN_GRANT, { src: ['(loopback)'], app: { 'tailscale.com/cap/aperture': ATTACH } }],
      server: { listen: [{ address: '127.0.0.1:0' }], timeouts: TIMEOUTS },
    });
  });
  afterAll(async () => {
    await house.close();
    await simulator.close();
  });

  test('failure mode 5: hundreds of exchanges that end in every way leave nothing reserved, and charge what they cost', async () => {
    const seed = fuzzSeed('quotas in one process');
    const url = house.urls[0] ?? '';
    const endings = Array.from({ length: EXCHANGES }, (_, number) => drawEnding(diceOf(seed, number)));
    expect(new Set(endings.map(({ name }) => name)).size).toBe(WAY_NAMES.length);
    const statuses: number[] = [];
    const left = [...endings];
    const client = async (): Promise<void> => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) statuses.push((await play(url, one)).status);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    await house.quiescent();
    console.log(`seed ${seed}: answered ${JSON.stringify(counted(statuses))}, ${stateCounts(house.records)}`);

    expect(house.quotas.stats()).toMatchObject({ reservations: 0, waiting: 0 });
    for (const key of Object.keys(CAPACITY)) expect(house.quotas.bucket(key)?.reserved, key).toBe(0);
    expectCharges(house.records);
    const charged = chargedIn(house.records);
    const kept = (): [string, number][] => [...house.balances.buckets].map(([key, { balance }]) => [key, balance]);
    await until('balances are told', () => balancesAre(new Map(kept()), charged)).catch(() => undefined);
    expect(new Map(kept())).toEqual(expectedBalances(charged));
    await until('nothing is held', () =>
      [...house.balances.buckets.values()].every(({ lives }) => [...lives.values()].every(({ held }) => held === 0)),
    );
    expect(statuses).toContain(429);
    // The last of the chain was spent, and everybody refused after that.
    expect(charged.get('reserve')).toBeGreaterThan(0);
  }, 120_000);
});

describe('failure mode 5: kill -9 of the process, with streams in flight', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres('quota-kills');
  });
  afterAll(() => postgres.stop());

  const STORES: { what: string; rounds: number; redis?: 'keeps' }[] = [
    { what: 'Postgres', rounds: 6 },
    { what: 'Redis', rounds: 3, redis: 'keeps' },
  ];
  test.for(STORES)(
    '$what: nothing is reserved afterwards, nothing charged twice, nothing forgotten',
    { timeout: 200_000 },
    async ({ what, rounds, ...redis }) => {
      const seed = fuzzSeed(`quotas and kill -9, ${what}`);
      const dice = new Dice(seed);
      const nobodysPort = await freePort();
      const gateways = await startQuotaGateways({
        ...redis,
        processes: 1,
        postgres,
        quotas: { ...QUOTAS, 'daily:<user>': { ...QUOTAS['daily:<user>'], capacity: dollars(100_000_000) } },
        attach: ATTACH,
        providers: (url) => endingProviders(url, nobodysPort),
        server: { timeouts: TIMEOUTS },
      });
      try {
        const seen: Ended[] = [];
        for (let round = 0; round < rounds; round++) await killRound(gateways, dice, seen);
        const records = await allRecords(gateways, seen);
        await gateways.settled();
        expectCharges(records);
        const charged = chargedIn(records);
        const capacities = { ...CAPACITY, 'daily:(loopback)': 100_000_000 };
        const balances = async (): Promise<Map<string, number>> =>
          new Map([...(await gateways.buckets())].map(([key, item]) => [key, Number(item.balance_nanodollars)]));
        await until('balances are told', async () => balancesAre(await balances(), charged, capacities)).catch(
          () => undefined,
        );
        console.log(
          `${what}: ${rounds} rounds of kill -9, seed ${seed}: ${stateCounts(records)}, ` +
            `charged ${JSON.stringify(Object.fromEntries(charged))}`,
        );
        expect(await balances()).toEqual(expectedBalances(charged, capacities));
        expect(records.filter(({ state }) => state === 'interrupted').length).toBeGreaterThan(0);
      } finally {
        await gateways.close();
      }
    },
  );
});

const CLIENTS = 16;

async function killRound(gateways: QuotaGateways, dice: Dice, seen: Ended[]): Promise<void> {
  const { url } = gateways.gateway(0);
  const stop = new AbortController();
  let ended = 0;
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const one = await play(url, drawEnding(dice), { signal: stop.signal });
      seen.push(one);
      ended += 1;
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  const enough = dice.between(10, 120);
  await until('clients have their answers', () => ended >= enough, 30_000);
  const killed = gateways.restart(0, 'kill');
  stop.abort();
  await Promise.all([killed, ...clients]);
}

/** All that there will be: those that clients know of, and what replays still bring. */
async function allRecords(gateways: QuotaGateways, seen: readonly Ended[]): Promise<RecordRow[]> {
  const gateway = gateways.gateway(0);
  const due = seen.flatMap(({ id }) => (id === '' ? [] : [id]));
  let before = -1;
  await until(
    'every exchange has its record',
    async () => {
      const ids = new Set((await gateway.records(0)).map(({ id }) => id));
      const isSame = ids.size === before;
      before = ids.size;
      return isSame && due.every((id) => ids.has(id));
    },
    60_000,
  );
  await quiescent(gateway, 30_000);
  return recordsWithCharges(gateway, 0);
}

type Booked = Pick<ExchangeRecord, 'quota_charges' | 'state'> & { id: string; cost_nanodollars: unknown };

/** Each record is charged what it costs, in each of its chains. */
function expectCharges(records: readonly Booked[]): void {
  const wrong = records.filter(({ quota_charges, cost_nanodollars }) => {
    const sum = quota_charges.reduce((before, { nanodollars }) => before + nanodollars, 0);
    return sum !== CHAINS * Number(cost_nanodollars ?? 0);
  });
  expect(wrong).toEqual([]);
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
}

function expectedBalances(charged: ReadonlyMap<string, number>, capacities = CAPACITY): Map<string, number> {
  return new Map(Object.entries(capacities).map(([key, capacity]) => [key, capacity - (charged.get(key) ?? 0)]));
}

function balancesAre(
  balances: ReadonlyMap<string, number>,
  charged: ReadonlyMap<string, number>,
  capacities = CAPACITY,
): boolean {
  return [...expectedBalances(charged, capacities)].every(([key, balance]) => balances.get(key) === balance);
}

function stateCounts(records: readonly Booked[]): string {
  return `${records.length} records ${JSON.stringify(counted(records.map(({ state }) => state)))}`;
}
