import { setTimeout as sleep } from 'node:timers/promises';
import { parseMoney } from '../config/units.ts';
import { answerRefill } from '../src/admin/quotas.ts';
import type { RefillDesk } from '../src/admin/quotas.ts';
import { actorOf } from '../src/contract/audit.ts';
import type { Caller } from '../src/contract/caller.ts';
import type { Fault } from '../src/contract/fault.ts';
import type { QuotaStore } from '../src/contract/quota.ts';
import { answerQuotas, shownBucket } from '../src/dashboard/quotas.ts';
import { refusal } from '../src/dashboard/routes.ts';
import type { ApiAnswer } from '../src/dashboard/asked.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import { failed, ok, unreachable } from '../src/lib/result.ts';
import { definedKeys } from '../src/quota/defined-keys.ts';
import type { FromQuota, QuotaQuestion, ToQuota } from '../src/quota/messages.ts';
import type { Answer, Ask } from '../src/serve/ask-thread.ts';
import { recordAudit } from '../src/store/audit.ts';
import { isAway, openPool } from '../src/store/database.ts';
import { createPostgresQuotaStore } from '../src/store/quota-postgres.ts';
import { createRedisQuotaStore } from '../src/store/quota-redis.ts';
import { answerTo } from './answer.ts';
import { quietly } from './quietly.ts';
import { watchCrossings } from './watch-crossings.ts';
import type { QuotaData } from './thread-data.ts';

export interface QuotaParts {
  data: Pick<QuotaData, 'database' | 'redisUrl' | 'names'>;
  clock: Clock;
  log: Log;
  post: (message: FromQuota | Answer) => void;
  /** Between two looks for buckets whose definition is gone, besides one on each change. */
  sweepMs?: number;
  /** Between two looks for crossings. */
  crossingsMs?: number;
}

export interface Quota {
  take(message: ToQuota | Ask<QuotaQuestion>): void;
  close(): Promise<void>;
}

const SWEEP_MS = 60_000;
const CROSSINGS_MS = 1_000;

/** Refills are an admin's, one at a time. */
const AUDIT_POOL = { name: 'quota-audit', max: 1, statementMs: 2_000, waitMs: 2_000 };

/** Talks to the store of buckets: claims first of all, which requests wait for. */
export function runQuota(parts: QuotaParts): Quota {
  const { data, clock, log, post, sweepMs = SWEEP_MS, crossingsMs = CROSSINGS_MS } = parts;
  const complain = quietly(clock, log);
  const onError = (error: unknown): void => {
    complain('quotas', error);
  };
  const store: QuotaStore =
    data.redisUrl === undefined
      ? createPostgresQuotaStore(data.database, { onError })
      : createRedisQuotaStore(data.redisUrl, { onError });
  const crossings = watchCrossings({
    address: data.database,
    balances: store,
    names: data.names,
    clock,
    everyMs: crossingsMs,
    onError: (error) => {
      complain('database', error);
    },
    onLook: (told, waiting) => {
      post({ kind: 'crossings', told, waiting });
    },
  });
  const sweeper = sweepBuckets([store, crossings], data.names, sweepMs, onError);

  const auditPool = openPool(data.database, { ...AUDIT_POOL, onError });
  const refilled = (caller: Caller, bucket: string, details: Record<string, unknown>): Promise<void> =>
    recordAudit(auditPool, [
      { atMs: clock.nowMs(), ...actorOf(caller), action: 'quota.refilled', target: bucket, details },
    ]);

  const faultOf = (error: unknown): Fault => {
    onError(error);
    return { code: 'store_unavailable', why: `quotas: ${whyOf(error)}` };
  };

  const claim = async ({ ask, life, claims }: Extract<ToQuota, { kind: 'claim' }>): Promise<void> => {
    try {
      const askedAtMs = clock.nowMs();
      const holdings = await store.claim(life, claims);
      post({ kind: 'claimed', ask, holdings });
      claims.forEach(({ key, capacity }, at) => {
        const balance = holdings[at]?.balance;
        if (balance !== undefined) crossings.saw({ key, capacity, balance }, askedAtMs);
      });
    } catch (error) {
      onError(error);
      post({ kind: 'failed', ask, why: whyOf(error) });
    }
  };

  const desk: RefillDesk = {
    parseMoney,
    shown: shownBucket,
    refill: async (bucket, nanodollars, caller) => {
      const amount = { nanodollars: String(nanodollars) };
      const nobody = failed({ code: 'not_found', what: `the bucket ${bucket}` } as const);
      let isNoted = false;
      try {
        const [before] = await store.list({ keys: [bucket], limit: 1 });
        if (before === undefined) return nobody;
        // Before it is done: a balance may be elsewhere than the log, and nothing is done that is not in it.
        await refilled(caller, bucket, { ...amount, balance_nanodollars: String(Math.floor(before.balance)) });
        isNoted = true;
        const askedAtMs = clock.nowMs();
        const row = await store.refill(bucket, nanodollars);
        if (row !== undefined) {
          crossings.saw(row, askedAtMs, true);
          return ok(row);
        }
        await refilled(caller, bucket, { ...amount, failed: 'the bucket is gone' });
        return nobody;
      } catch (error) {
        if (isNoted) await refilled(caller, bucket, { ...amount, failed: whyOf(error) }).catch(onError);
        onError(error);
        return failed({
          code: 'store_unavailable',
          why: `quotas: ${whyOf(error)}; look whether the balance has changed before you ask again`,
        });
      }
    },
  };

  const answer = async ({ ask, request }: Ask<QuotaQuestion>): Promise<void> => {
    post(answerTo(ask, await answered(store, desk, faultOf, request)));
  };

  return {
    take: (message) => {
      switch (message.kind) {
        case 'claim':
          void claim(message);
          return;
        case 'definitions':
          crossings.reconfigure(message.names);
          sweeper.reconfigure(message.names);
          return;
        case 'ask':
          void answer(message);
          return;
        default:
          return unreachable(message);
      }
    },
    close: async () => {
      await Promise.all([sweeper.close(), crossings.close()]);
      await Promise.all([store.close(), auditPool.end()]);
    },
  };
}

/** By path; each says itself which methods and roles it takes. */
async function answered(
  store: QuotaStore,
  desk: RefillDesk,
  faultOf: (error: unknown) => Fault,
  request: QuotaQuestion,
): Promise<ApiAnswer> {
  const { method, path } = request;
  if (path === '/api/quotas') return answerQuotas(store, faultOf, request);
  if (path !== '/api/quotas/refill') return refusal({ code: 'path_unknown', method, path });
  const { status, body } = await answerRefill(desk, request);
  return { status, headers: [['content-type', 'application/json']], body };
}

/** A class of failure: what the error itself says may name an address or a user. */
function whyOf(error: unknown): string {
  return isAway(error) ? 'the store does not answer' : 'the store cannot do it';
}

/** Deletes buckets whose definition is gone: on each change, and now and then, since others make them while they go. */
function sweepBuckets(
  stores: readonly Pick<QuotaStore, 'sweep'>[],
  names: readonly string[],
  everyMs: number,
  onError: (error: unknown) => void,
): { reconfigure(names: readonly string[]): void; close(): Promise<void> } {
  let defines = definedKeys(names);
  let wake = new AbortController();
  let closing = false;
  const stopped = (): boolean => closing;
  const sweeps = async (): Promise<void> => {
    while (!stopped()) {
      // Before the work: what changes meanwhile wants another round.
      wake = new AbortController();
      for (const store of stores) await store.sweep((key) => defines(key)).catch(onError);
      await sleep(everyMs, undefined, { signal: wake.signal }).catch(() => undefined);
    }
  };
  const done = sweeps();
  return {
    reconfigure: (changed) => {
      defines = definedKeys(changed);
      wake.abort();
    },
    close: () => {
      closing = true;
      wake.abort();
      return done;
    },
  };
}
