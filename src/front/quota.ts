import type { ExchangeId } from '../contract/ids.ts';
import { outputLimitOf } from '../protocols/output-limit.ts';
import { NOTHING_CHARGED } from '../quota/ledger.ts';
import type { Standing } from '../quota/chain.ts';
import type { Admission, QuotaLedger } from '../quota/ledger.ts';
import type { Route } from '../routing/plan.ts';
import type { CallFacts } from '../contract/guardrail.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import type { ScannedBody } from './scan-body.ts';

/**
 * Reserves what the request can cost in the buckets that its grants name; a promise only where the store must be asked.
 * What costs nothing (counts, looks at what was paid for before) an empty budget keeps nobody from.
 */
export function reserveQuota(
  quotas: QuotaLedger,
  { access, caller, world }: Arrival,
  { protocol }: ExchangeEndpoint,
  id: ExchangeId,
  { scanned, route, model }: { scanned: ScannedBody; route: Route; model: string },
): Admission | Promise<Admission> {
  const { quotas: references } = access.matching(route.provider.id, route.model);
  if (references.length === 0) return NOTHING_CHARGED;
  const limit = outputLimitOf(protocol.api, scanned.decoded, scanned.fields);
  if (!limit.billed) return NOTHING_CHARGED;
  const estimate = world.costBounds.bound(route.provider.id, model, limit);
  return quotas.reserve(id, references, { user: caller.login, node: caller.nodeId }, estimate);
}

const PERIODS = [
  ['min', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['week', 7 * 86_400_000],
  ['month', 30 * 86_400_000],
] as const;

/** The caller's buckets, as hooks are told of them: nanodollars, and the rate as config writes it (aperture.md, 6.2). */
export function quotaFacts(
  quotas: QuotaLedger,
  { access, caller }: Arrival,
  provider: string,
  model: string,
): CallFacts['quotas'] {
  const { quotas: references } = access.matching(provider, model);
  const balances = quotas.balances(references, { user: caller.login, node: caller.nodeId });
  return Object.fromEntries(
    balances.map(({ terms: { key, capacity, rate }, balance }) => {
      const [period] = PERIODS.find(([, ms]) => ms === rate.periodMs) ?? [`${rate.periodMs / 1000}s`];
      const dollars = (rate.amount / 1e9).toFixed(2);
      return [key, { current: Math.trunc(balance), capacity, rate: `$${dollars}/${period}` }];
    }),
  );
}

/** Where the caller stands, as headers of the answer: nanodollars, and seconds until the bucket is full. */
export function standingHeaders(standing: Standing | undefined): [string, string][] {
  if (standing === undefined) return [];
  const { remainingNanodollars, resetSeconds } = standing;
  const headers: [string, string][] = [['x-aperture-quota-remaining', String(remainingNanodollars)]];
  if (resetSeconds !== undefined) headers.push(['x-aperture-quota-reset', String(resetSeconds)]);
  return headers;
}
