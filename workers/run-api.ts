import { join } from 'node:path';
import { auditKeyOf } from '../src/audit/key.ts';
import type { Fault } from '../src/contract/fault.ts';
import type { PricingSlice } from '../src/contract/messages.ts';
import type { FromApi, ToApi } from '../src/dashboard/messages.ts';
import { answer, refusal } from '../src/dashboard/routes.ts';
import type { ApiAnswer } from '../src/dashboard/asked.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { packageRoot } from '../src/lib/package-root.ts';
import { failed, ok, unreachable } from '../src/lib/result.ts';
import { tableOf } from '../src/pricing/overrides.ts';
import { loadPriceTable } from '../src/pricing/table.ts';
import type { PriceTable } from '../src/pricing/table.ts';
import { isAway, openPool } from '../src/store/database.ts';
import { ownOf, whose } from '../src/store/holdings.ts';
import { answerTo } from './answer.ts';
import type { ReaderData } from './thread-data.ts';

export interface ApiThreadParts {
  data: ReaderData;
  clock: Clock;
  log: Log;
  post: (message: FromApi) => void;
}

export interface Api {
  take(message: ToApi): void;
  close(): Promise<void>;
}

/**
 * Readers at a time; others wait for a connection. A slow page of one keeps others from it, and nobody's request. A month
 * by the hour is summed in 10 MB, and sorted on disk with the server's usual 4 MB, which takes twice as long.
 */
export const READERS = { name: 'reads', max: 4, statementMs: 10_000, waitMs: 10_000, workMemory: '32MB' } as const;
/** Questions under way, with those that wait. */
const ASKS_AT_ONCE = 64;

/** Requests to models wait for these: connections of their own, and a row of an index or no answer. */
const LOOKUPS = { name: 'lookups', max: 2, statementMs: 1_500, waitMs: 1_500 };

/** Whatever is wrong, the request that waits for it may come again: it is let in by no mistake of ours. */
function lookupFault(error: unknown, log: Log): Fault {
  if (!isAway(error)) log.error({ error: errorChain(error) }, 'a stored response could not be looked up');
  return { code: 'store_unavailable', why: 'it does not answer' };
}

/** Answers questions from the database, in its own pools: each with exactly one answer. */
export function runApi({ data, clock, log, post }: ApiThreadParts): Api {
  const onError = (error: Error): void => {
    log.debug({ error: errorChain(error) }, 'a reading connection broke');
  };
  const pool = openPool(data.database, { ...READERS, onError });
  const lookups = openPool(data.database, { ...LOOKUPS, onError });
  /** Read when it is first asked for: few ever do. */
  let table: PriceTable | undefined;
  const auditKey = data.auditSeed === undefined ? undefined : auditKeyOf(data.auditSeed);
  const prices = (pricing: PricingSlice): PriceTable =>
    tableOf((table ??= loadPriceTable(join(packageRoot(), 'config', 'prices.json'))), pricing);
  let asks = 0;
  const settle = (ask: number, answer: ApiAnswer): void => {
    post(answerTo(ask, answer));
  };
  const asked = ({ ask, request }: Extract<ToApi, { kind: 'ask' }>): void => {
    if (asks >= ASKS_AT_ONCE) {
      settle(ask, refusal({ code: 'overloaded', what: 'questions to the database', limit: ASKS_AT_ONCE }));
      return;
    }
    asks += 1;
    void answer({ pool, clock, log, auditKey, prices }, request).then((answered) => {
      asks -= 1;
      settle(ask, answered);
    });
  };
  return {
    take: (message) => {
      switch (message.kind) {
        case 'ask':
          asked(message);
          return;
        case 'whose': {
          const { ask, resource, login } = message;
          void whose(lookups, resource, login)
            .then(ok, (error: unknown) => failed(lookupFault(error, log)))
            .then((outcome) => {
              post({ kind: 'whose', ask, outcome });
            });
          return;
        }
        case 'own': {
          const { ask, of, ids, login, provider } = message;
          void ownOf(lookups, { kind: of, ids, login, provider })
            .then(ok, (error: unknown) => failed(lookupFault(error, log)))
            .then((outcome) => {
              post({ kind: 'own', ask, outcome });
            });
          return;
        }
        default:
          return unreachable(message);
      }
    },
    close: async () => {
      await Promise.all([pool.end(), lookups.end()]);
    },
  };
}
