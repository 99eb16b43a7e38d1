import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { ADMIN_GRANT, PROVIDER_KEY } from '../flow/support.ts';
import { diceOf, fuzzSeed } from '../support/dice.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { drawEnding, endingProviders, play, TIMEOUTS, WAY_NAMES } from '../support/quota-endings.ts';
import type { Ending } from '../support/quota-endings.ts';
import { chargedIn, counted } from '../support/quota-gateways.ts';
import { until } from '../support/until.ts';
import { ATTACH, balancesAre, CAPACITY, expectCharges, expectedBalances, QUOTAS, stateCounts } from './quota-books.ts';
import { quotaKills } from './quota-kills.ts';

describe('in one process', () => {
  const EXCHANGES = 600;
  const AT_MOST = 6_000;
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
    // On a slow machine more of them time out and cost nothing: they go on until there is nothing to spend.
    let drawn = EXCHANGES;
    const next = (): Ending | undefined => {
      if (left.length > 0) return left.shift();
      return statuses.includes(429) || drawn === AT_MOST ? undefined : drawEnding(diceOf(seed, drawn++));
    };
    const client = async (): Promise<void> => {
      for (let one = next(); one !== undefined; one = next()) statuses.push((await play(url, one)).status);
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

quotaKills({ postgres: 2, redis: 2 });
