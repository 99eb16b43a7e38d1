import { expect } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { counted, dollars } from '../support/quota-gateways.ts';

/*
 * However exchanges end, and whatever dies meanwhile: afterwards nothing is reserved, and from every bucket is gone what
 * records were charged there, which is what they cost.
 */

export const CAPACITY: Record<string, number> = {
  'daily:(loopback)': 2_000_000,
  reserve: 40_000_000,
  org: 1_000_000_000,
};
const NO_RATE = '$0.00/day';
export const QUOTAS = {
  'daily:<user>': { capacity: dollars(2_000_000), rate: NO_RATE, overdraft: ['reserve'] },
  reserve: { capacity: dollars(40_000_000), rate: NO_RATE },
  org: { capacity: dollars(1_000_000_000), rate: NO_RATE },
};
export const ATTACH = [{ models: '**', quotas: [{ bucket: 'daily:<user>' }, { bucket: 'org' }] }];
/** Each is charged in both. */
const CHAINS = 2;

export type Booked = Pick<ExchangeRecord, 'quota_charges' | 'state'> & { id: string; cost_nanodollars: unknown };

/** Each record is charged what it costs, in each of its chains. */
export function expectCharges(records: readonly Booked[]): void {
  const wrong = records.filter(({ quota_charges, cost_nanodollars }) => {
    const sum = quota_charges.reduce((before, { nanodollars }) => before + nanodollars, 0);
    return sum !== CHAINS * Number(cost_nanodollars ?? 0);
  });
  expect(wrong).toEqual([]);
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
}

export function expectedBalances(charged: ReadonlyMap<string, number>, capacities = CAPACITY): Map<string, number> {
  return new Map(Object.entries(capacities).map(([key, capacity]) => [key, capacity - (charged.get(key) ?? 0)]));
}

export function balancesAre(
  balances: ReadonlyMap<string, number>,
  charged: ReadonlyMap<string, number>,
  capacities = CAPACITY,
): boolean {
  return [...expectedBalances(charged, capacities)].every(([key, balance]) => balances.get(key) === balance);
}

export function stateCounts(records: readonly Booked[]): string {
  return `${records.length} records ${JSON.stringify(counted(records.map(({ state }) => state)))}`;
}
