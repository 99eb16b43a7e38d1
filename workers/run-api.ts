import type { FromApi, ToApi } from '../src/dashboard/messages.ts';
import { answer, refusal } from '../src/dashboard/routes.ts';
import type { ApiAnswer } from '../src/dashboard/routes.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { openPool } from '../src/store/database.ts';
import type { ApiData } from './thread-data.ts';

export interface ApiThreadParts {
  data: ApiData;
  clock: Clock;
  log: Log;
  post: (message: FromApi) => void;
}

export interface Api {
  take(message: ToApi): void;
  close(): Promise<void>;
}

/** Readers at a time; others wait for a connection. A slow page of one keeps others from it, and nobody's request. */
const READERS = 4;
const STATEMENT_MS = 10_000;
const WAIT_MS = 10_000;
/** Questions under way, with those that wait. */
const ASKS_AT_ONCE = 64;

/** Answers questions from the database, in its own pool: each `ask` with exactly one `answer`. */
export function runApi({ data, clock, log, post }: ApiThreadParts): Api {
  const pool = openPool(data.database, {
    name: 'reads',
    max: READERS,
    statementMs: STATEMENT_MS,
    waitMs: WAIT_MS,
    onError: (error) => {
      log.debug({ error: errorChain(error) }, 'a reading connection broke');
    },
  });
  let asks = 0;
  const encoder = new TextEncoder();
  const settle = (ask: number, { status, body }: ApiAnswer): void => {
    post({ kind: 'answer', ask, status, body: encoder.encode(body) });
  };
  return {
    take: ({ ask, request }) => {
      if (asks >= ASKS_AT_ONCE) {
        settle(ask, refusal({ code: 'overloaded', what: 'questions to the database', limit: ASKS_AT_ONCE }));
        return;
      }
      asks += 1;
      void answer({ pool, clock, log }, request).then((answered) => {
        asks -= 1;
        settle(ask, answered);
      });
    },
    close: () => pool.end(),
  };
}
