import { createHash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { HOLD_MS } from '../contract/quota.ts';
import type { BucketRow, QuotaStore } from '../contract/quota.ts';
import { byBytes } from '../lib/by-bytes.ts';
import { CLAIM_SCRIPT, LIST_SCRIPT, REFILL_SCRIPT } from './quota-redis-script.ts';
import { LIFE_KEPT_MS, QUIET_MS, STORE_ANSWERS_MS, SWEPT_AT_ONCE, sweepKeys, within } from './quota-store.ts';

/** One hash tag, so that one script may touch all of them. */
const PREFIX = '{aperture:quota}';
/** Keys of all buckets, for paging: a sorted set in which all scores are 0 is sorted by bytes. */
const INDEX = `${PREFIX}:keys`;
/** When a life was last heard of, in whatever bucket. */
const LIVES = `${PREFIX}:lives`;
/** Since when claims have come without a long pause. */
const SINCE = `${PREFIX}:since`;

const CONNECT_TIMEOUT_MS = 1_500;
const COMMAND_TIMEOUT_MS = 1_500;
/** A call waits so long for a connection that is opened for the first time: nothing is away yet. */
const OPEN_WITHIN_MS = 1_000;
/** With something due and nothing coming for so long, the other end may be gone without a word. */
const SILENCE_MS = 3_000;
const RECONNECT_FROM_MS = 100;
const RECONNECT_TO_MS = 1_000;

/** Buckets in Redis. */
export function createRedisQuotaStore(url: string, { onError }: { onError: (error: unknown) => void }): QuotaStore {
  // Two connections: no claim waits for the answer to a page of a list.
  const claims = connect(url, 'quotas', onError);
  const reads = connect(url, 'quota-reads', onError);
  return {
    claim: (life, asked) =>
      within(
        STORE_ANSWERS_MS,
        claims.run(
          CLAIM,
          [INDEX, LIVES, SINCE, ...asked.map(({ key }) => hashOf(key))],
          [
            HOLD_MS,
            LIFE_KEPT_MS,
            QUIET_MS,
            life,
            JSON.stringify(asked),
            ...asked.flatMap(({ key }) => [key, randomUUID()]),
          ],
        ),
      ).then((answer) => Holdings.parse(answer).map((holding, at) => ({ key: asked[at]?.key ?? '', ...holding }))),
    list: ({ keys, after, limit }) =>
      within(STORE_ANSWERS_MS, keys === undefined ? page(reads, after, limit) : among(reads, keys, after, limit)),
    refill: (key, amount) => within(STORE_ANSWERS_MS, refill(reads, key, amount)),
    sweep: (defines) =>
      sweepKeys(
        defines,
        (after) => keysAfter(reads, after, SWEPT_AT_ONCE),
        (gone) => remove(reads, gone),
      ),
    close: () => {
      claims.redis.disconnect();
      reads.redis.disconnect();
      return Promise.resolve();
    },
  };
}

const hashOf = (key: string): string => `${PREFIX}:bucket:${key}`;

interface Script {
  text: string;
  sha1: string;
}

interface Connection {
  redis: Redis;
  /** Rejects while it was never open, or has broken: what was asked of it may have been done. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  opened: Promise<void>;
}

function connect(url: string, name: string, onError: (error: unknown) => void): Connection {
  const redis = new Redis(url, {
    connectionName: `aperture-${name}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    retryStrategy: (times) => Math.min(times * RECONNECT_FROM_MS, RECONNECT_TO_MS),
    // Fail at once rather than remember: what waits is the ledger's business, and a refill that was given up must not
    // come about when the connection is back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  redis.on('error', onError);
  const opened = new Promise<void>((resolve) => {
    redis.once('ready', () => {
      resolve();
    });
    redis.once('close', () => {
      resolve();
    });
    setTimeout(resolve, OPEN_WITHIN_MS).unref();
  });
  return {
    redis,
    opened,
    run: async ({ text, sha1 }, keys, args) => {
      await opened;
      const given = [...keys, ...args];
      try {
        return await redis.evalsha(sha1, keys.length, ...given);
      } catch (error) {
        // One that restarted, or was told to forget its scripts.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return await redis.eval(text, keys.length, ...given);
      }
    },
  };
}

function scriptOf(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
const CLAIM = scriptOf(CLAIM_SCRIPT);
const LIST = scriptOf(LIST_SCRIPT);
const REFILL = scriptOf(REFILL_SCRIPT);

async function keysAfter({ redis, opened }: Connection, after: string | undefined, limit: number): Promise<string[]> {
  await opened;
  return redis.zrange(INDEX, after === undefined ? '-' : `(${after}`, '+', 'BYLEX', 'LIMIT', 0, limit);
}

/** The index may name buckets that are gone (of an older copy, say): they are no end of the page. */
async function page(connection: Connection, after: string | undefined, limit: number): Promise<BucketRow[]> {
  const rows: BucketRow[] = [];
  let keys: string[];
  let from = after;
  do {
    keys = await keysAfter(connection, from, limit);
    rows.push(...(await rowsOf(connection, keys)));
    from = keys.at(-1);
  } while (keys.length === limit && rows.length < limit);
  return rows.slice(0, limit);
}

async function among(
  connection: Connection,
  keys: readonly string[],
  after: string | undefined,
  limit: number,
): Promise<BucketRow[]> {
  const inOrder = [...new Set(keys)].sort(byBytes).filter((key) => after === undefined || byBytes(key, after) > 0);
  return (await rowsOf(connection, inOrder)).slice(0, limit);
}

async function rowsOf(connection: Connection, keys: readonly string[]): Promise<BucketRow[]> {
  if (keys.length === 0) return [];
  const found = Rows.parse(await connection.run(LIST, keys.map(hashOf), [HOLD_MS]));
  return keys.flatMap((key, at) => {
    const row = found[at];
    return row === undefined ? [] : [{ key, ...row }];
  });
}

async function refill(connection: Connection, key: string, amount: number): Promise<BucketRow | undefined> {
  await connection.run(REFILL, [hashOf(key)], [HOLD_MS, amount]);
  return (await rowsOf(connection, [key]))[0];
}

/** Each bucket and its line in the index in one step: a claim in between would make a bucket that no list has. */
async function remove({ redis }: Connection, keys: readonly string[]): Promise<number> {
  const steps = redis.multi();
  steps.del(...keys.map(hashOf));
  steps.zrem(INDEX, ...keys);
  const [deleted] = Removed.parse(await steps.exec());
  return deleted[1];
}

const double = z.string().transform(Number).pipe(z.number());

const Holdings = z.array(
  z
    .tuple([z.string(), double, double, double])
    .transform(([generation, balance, heldByOthers, held]) => ({ generation, balance, heldByOthers, held })),
);
const Rows = z.array(
  z.union([
    z.tuple([]).transform(() => undefined),
    z
      .tuple([double, double, double, double, double, double])
      .transform(([capacity, amount, periodMs, balance, held, updatedAtMs]) => ({
        capacity,
        rate: { amount, periodMs },
        balance,
        held,
        updatedAtMs: Math.floor(updatedAtMs),
      })),
  ]),
);
const Removed = z.tuple([z.tuple([z.null(), z.number()]), z.tuple([z.null(), z.number()])]);
