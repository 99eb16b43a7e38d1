import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { QuotaStore } from '../../src/contract/quota.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { createPostgresQuotaStore } from '../../src/store/quota-postgres.ts';
import { createRedisQuotaStore } from '../../src/store/quota-redis.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';

/** A real server that keeps buckets, and what a test does to it behind the store's back. */
export interface Backend {
  name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One process' store: each has connections of its own. */
  open(): QuotaStore;
  /** As if so much time had passed since all that was written. */
  age(ms: number): Promise<void>;
  /** Copies the whole store, and answers how it is put back. */
  copy(): Promise<() => Promise<void>>;
  empty(): Promise<void>;
  /** What is written of a bucket: its balance, and the lives that it knows. */
  stored(key: string): Promise<{ balance: number; lives: string[] }>;
  /** The server stands still, or goes on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** The server dies, or comes back with what it had. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export const backends: (() => Backend)[] = [redisBackend, postgresBackend];

const ignore = (): void => undefined;

function redisBackend(): Backend {
  let server: TestRedis;
  let client: Redis;
  const buckets = (): Promise<string[]> => client.keys('*:bucket:*');
  return {
    name: 'Redis',
    start: async () => {
      server = await startTestRedis();
      client = new Redis(server.url).on('error', ignore);
    },
    stop: async () => {
      client.disconnect();
      await server.stop();
    },
    open: () => createRedisQuotaStore(server.url, { onError: ignore }),
    age: async (ms) => {
      for (const key of await buckets()) {
        for (const [field, value] of Object.entries(await client.hgetall(key))) {
          if (field.endsWith('_at')) await client.hset(key, field, Number(value) - ms);
          if (!field.startsWith('life:')) continue;
          const [seen, held, told] = value.split(' ');
          await client.hset(key, field, `${seen} ${held} ${Number(told) - ms}`);
        }
      }
      for (const life of await client.zrange('{aperture:quota}:lives', 0, '-1')) {
        await client.zincrby('{aperture:quota}:lives', -ms, life);
      }
      await client.incrbyfloat('{aperture:quota}:since', -ms);
    },
    copy: async () => {
      const keys = await client.keys('*');
      const dumps = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
      return async () => {
        await client.flushall();
        for (const [at, key] of keys.entries()) await client.restore(key, 0, dumps[at] ?? '');
      };
    },
    empty: async () => {
      await client.flushall();
    },
    stored: async (key) => {
      const fields = await client.hgetall(`{aperture:quota}:bucket:${key}`);
      const lives = Object.keys(fields).filter((field) => field.startsWith('life:'));
      return { balance: Number(fields['balance']), lives: lives.map((field) => field.slice('life:'.length)).sort() };
    },
    signal: (name) => {
      server.signal(name);
    },
    kill: () => server.kill(),
    restart: () => server.start(),
  };
}

const TABLES = ['quota_buckets', 'quota_shares', 'quota_lives', 'quota_since'];
const TIMES = [
  ['quota_buckets', 'refilled_at'],
  ['quota_buckets', 'told_at'],
  ['quota_shares', 'told_at'],
  ['quota_lives', 'heard_at'],
  ['quota_since', 'since'],
];
const Copied = z.tuple([z.object({ copied: z.string() })]);
const Balances = z.tuple([z.object({ balance: z.number() })]);
const Lives = z.array(z.object({ life: z.string() }));

function postgresBackend(): Backend {
  let server: TestPostgres;
  let address: DatabaseAddress;
  let pool: Pool;
  const empty = async (): Promise<void> => {
    await pool.query(`TRUNCATE ${TABLES.map((table) => `aperture.${table}`).join(', ')}`);
  };
  return {
    name: 'Postgres',
    start: async () => {
      server = await startTestPostgres('quotas');
      ({ address, pool } = await server.migrated());
    },
    stop: () => server.stop(),
    open: () => createPostgresQuotaStore(address, { onError: ignore }),
    age: async (ms) => {
      for (const [table, column] of TIMES) {
        await pool.query(`UPDATE aperture.${table} SET ${column} = ${column} - $1 * interval '1 millisecond'`, [ms]);
      }
    },
    copy: async () => {
      const copies = await Promise.all(
        TABLES.map(async (table) => ({
          table: `aperture.${table}`,
          rows: Copied.parse(
            (await pool.query(`SELECT coalesce(json_agg(t), '[]')::text AS copied FROM aperture.${table} AS t`)).rows,
          )[0].copied,
        })),
      );
      return async () => {
        await empty();
        for (const { table, rows } of copies) {
          await pool.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1::json)`, [
            rows,
          ]);
        }
      };
    },
    empty,
    stored: async (key) => {
      const bucket = await pool.query('SELECT balance FROM aperture.quota_buckets WHERE key = $1', [key]);
      const lives = await pool.query('SELECT life FROM aperture.quota_shares WHERE key = $1 ORDER BY life', [key]);
      return {
        balance: Balances.parse(bucket.rows)[0].balance,
        lives: Lives.parse(lives.rows).map(({ life }) => life),
      };
    },
    signal: (name) => {
      server.signal(name);
    },
    kill: () => server.kill(),
    restart: () => server.start(),
  };
}
