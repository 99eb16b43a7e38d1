import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { quiescent } from '../flow/support.ts';
import { Dice, fuzzSeed } from '../support/dice.ts';
import type { RecordRow } from '../support/gateway.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { drawEnding, endingProviders, play, TIMEOUTS } from '../support/quota-endings.ts';
import type { Ended } from '../support/quota-endings.ts';
import { chargedIn, dollars, recordsWithCharges, startQuotaGateways } from '../support/quota-gateways.ts';
import type { QuotaGateways } from '../support/quota-gateways.ts';
import { until } from '../support/until.ts';
import { ATTACH, balancesAre, CAPACITY, expectCharges, expectedBalances, QUOTAS, stateCounts } from './quota-books.ts';

/** What must hold after so many kills, with balances in either store. */
export function quotaKills(roundsOf: { postgres: number; redis: number }): void {
  describe('failure mode 5: kill -9 of the process, with streams in flight', () => {
    let postgres: TestPostgres;
    beforeAll(async () => {
      postgres = await startTestPostgres('quota-kills');
    });
    afterAll(() => postgres.stop());

    const STORES: { what: string; rounds: number; redis?: 'keeps' }[] = [
      { what: 'Postgres', rounds: roundsOf.postgres },
      { what: 'Redis', rounds: roundsOf.redis, redis: 'keeps' },
    ];
    test.for(STORES)(
      '$what: nothing is reserved afterwards, nothing charged twice, nothing forgotten',
      { timeout: WITHIN_MS },
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
}

/** A start takes seconds, and tens of them on a busy machine. */
const WITHIN_MS = 1_200_000;
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
