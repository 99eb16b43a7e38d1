import type { Fault } from '../contract/fault.ts';
import type { QuotaDefinition } from '../contract/quota.ts';
import { secondsUntil } from './chain.ts';
import type { CallerChain, CostEstimate } from './chain.ts';

/** A grant names what is not defined. */
export function undefinedQuotas(names: readonly string[]): Fault {
  return exceeded({ buckets: names, why: 'undefined' });
}

/** The chain must cover the most that a request can cost, and nothing bounds this one. */
export function unbounded({ quota, keys }: CallerChain, why: string): Fault {
  return exceeded({ buckets: keys, why: 'unbounded', status: quota.denyStatus, detail: why });
}

/** Too little is left. */
export function emptied(chains: readonly CallerChain[], estimate: CostEstimate, nowMs: number): Fault {
  const waits = chains.map((chain) => secondsUntil(chain, estimate, nowMs));
  const never = waits.includes(undefined);
  return exceeded({
    buckets: keysOf(chains),
    why: 'empty',
    status: chains[0]?.quota.denyStatus ?? 429,
    retryAfterSeconds: never ? undefined : Math.max(...waits.filter((wait) => wait !== undefined)),
  });
}

/** The store is away, and the quota is set to refuse then. */
export function unavailable(chains: readonly CallerChain[]): Fault {
  return {
    code: 'quota_unavailable',
    buckets: keysOf(chains),
    why: 'the store of balances does not answer',
  };
}

function exceeded(fault: {
  buckets: readonly string[];
  why: 'empty' | 'unbounded' | 'undefined';
  status?: QuotaDefinition['denyStatus'];
  retryAfterSeconds?: number | undefined;
  detail?: string;
}): Fault {
  const { buckets, why, status = 429, retryAfterSeconds, detail } = fault;
  const said = detail === undefined ? {} : { detail };
  return { code: 'quota_exceeded', buckets: [...buckets], retryAfterSeconds, status, why, ...said };
}

/** Two chains may share a bucket. */
function keysOf(chains: readonly CallerChain[]): string[] {
  return [...new Set(chains.flatMap(({ keys }) => keys))];
}
