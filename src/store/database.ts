import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { z } from 'zod';
import { packageRoot } from '../lib/package-root.ts';

/** Where the database is: what `DATABASE_URL` says, or a socket of the embedded one. Plain data; holds a password. */
export type DatabaseAddress =
  | { url: string }
  | { host: string; port: number; user: string; password: string; database: string };

export interface PoolOptions {
  /** Shown in `pg_stat_activity`, as `aperture-<name>`. */
  name: string;
  /** Connections at most. Callers beyond it wait, `waitMs` at most. */
  max: number;
  /** A statement that takes longer is cancelled, by the server and by us. */
  statementMs: number;
  waitMs: number;
  /** For sorting and hashing, of each step of a statement; the server's own setting where it is not given. */
  workMemory?: `${number}MB`;
  /**
   * Never collects rows of an index in order to sort them: for a table that grows from nothing to many rows faster than
   * the server counts them, so that it believes that a few rows are to be sorted and reads them all.
   */
  inIndexOrder?: boolean;
  /** An idle connection broke: the pool opens another when it needs one. */
  onError: (error: Error) => void;
}

/** How long our own timer lets the server's go first: it matters only where the server does not answer at all. */
const ANSWER_GRACE_MS = 2_000;

/** A connection pool. Never shared between the ledger and the readers: a dashboard cannot starve the books. */
export function openPool(address: DatabaseAddress, options: PoolOptions): pg.Pool {
  const settings = [
    ...(options.workMemory === undefined ? [] : [`-c work_mem=${options.workMemory}`]),
    ...(options.inIndexOrder === true ? ['-c enable_bitmapscan=off'] : []),
  ];
  const pool = new pg.Pool({
    ...connectionOf(address),
    application_name: `aperture-${options.name}`,
    max: options.max,
    connectionTimeoutMillis: options.waitMs,
    statement_timeout: options.statementMs,
    query_timeout: options.statementMs + ANSWER_GRACE_MS,
    idle_in_transaction_session_timeout: options.statementMs,
    keepAlive: true,
    ...(settings.length === 0 ? {} : { options: settings.join(' ') }),
  });
  pool.on('error', options.onError);
  return pool;
}

/** Runs the work on one connection, in a transaction. Where anything fails, the connection goes, and with it all of it. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // A connection that breaks says so to its statement, and once more in an event that nobody else listens to.
  const ignore = (): void => undefined;
  client.on('error', ignore);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.off('error', ignore);
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** The same address in the words of the `pg` package. */
export function connectionOf(address: DatabaseAddress): pg.ClientConfig {
  return 'url' in address ? { connectionString: address.url } : address;
}

/** Whether the database as a whole is away (or turns us away), as opposed to a statement that it rejects. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  // No SQLSTATE: it never reached the server (a socket error, or a timer of the pool or the client).
  if (!SQLSTATE.test(code)) return true;
  return AWAY.some((prefix) => code.startsWith(prefix));
}

/** Serialization failure, deadlock, lock timeout: the same again may well succeed. */
export function isConflict(error: unknown): boolean {
  return ['40001', '40P01', '55P03'].includes(codeOf(error));
}

/**
 * Data exceptions, constraint violations, values beyond a limit of the server: these rows, and not the database. A day
 * without its partition (somebody detached it) is the database's.
 */
export function isDataError(error: unknown): boolean {
  if (isPartitionMissing(error)) return false;
  return !isAway(error) && ['22', '23', '54'].some((kind) => codeOf(error).startsWith(kind));
}

/** 23514 with no constraint named: "no partition of relation found for row". */
export function isPartitionMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23514';
}

/** The SQLSTATE, or the code of a socket; empty where there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
/**
 * Classes of https://www.postgresql.org/docs/18/errcodes-appendix.html: connection exceptions, invalid authorization
 * (a password that is being rotated), insufficient resources, operator intervention, system errors, and a server that
 * has become a standby (25006) or does not have our database yet (3D000).
 */
const AWAY = ['08', '28', '53', '57', '58', '25006', '3D000'];

/** The lock that one migrating process holds; "aper" in hexadecimal. */
const MIGRATION_LOCK = 0x61706572;
const FILE = /^(\d{4})-[a-z0-9-]+\.sql$/;

interface Migration {
  number: number;
  name: string;
  sql: string;
  sha256: string;
}

const Applied = z.object({ number: z.int(), sha256: z.string() });

/**
 * Brings the schema `aperture` up to date: numbered files, forward only, each in a transaction of its own, under an
 * advisory lock, so that processes may start together. A database that is ahead of us is left alone: migrations only
 * add, so an older process goes on beside a newer one.
 *
 * @returns the numbers that were applied now.
 * @throws Error when a file that was applied before has changed since.
 */
export async function migrate(pool: pg.Pool, folder = join(packageRoot(), 'src/store/migrations')): Promise<number[]> {
  const migrations = readMigrations(folder);
  const client = await pool.connect();
  try {
    // Creating an index takes its time on a grown table.
    await client.query('SET statement_timeout = 0');
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const applied = await appliedMigrations(client);
    const done: number[] = [];
    for (const migration of migrations) {
      const before = applied.get(migration.number);
      if (before === undefined) {
        await apply(client, migration);
        done.push(migration.number);
      } else if (before !== migration.sha256) {
        throw new Error(`migration ${migration.name} has changed since it was applied: add a new file instead`);
      }
    }
    return done;
  } finally {
    // Ends the session, and with it the lock and the setting, whatever state they are in.
    client.release(true);
  }
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const number = FILE.exec(name)?.[1];
      if (number === undefined) return [];
      const sql = readFileSync(join(folder, name), 'utf8');
      return [{ number: Number(number), name, sql, sha256: createHash('sha256').update(sql).digest('hex') }];
    });
}

async function appliedMigrations(client: pg.PoolClient): Promise<Map<number, string>> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS aperture;
    CREATE TABLE IF NOT EXISTS aperture.migrations (
      number int PRIMARY KEY,
      name text NOT NULL,
      sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
  const { rows } = await client.query('SELECT number, sha256 FROM aperture.migrations');
  return new Map(
    z
      .array(Applied)
      .parse(rows)
      .map((row) => [row.number, row.sha256]),
  );
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await client.query('INSERT INTO aperture.migrations (number, name, sha256) VALUES ($1, $2, $3)', [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Error(`migration ${migration.name} failed`, { cause: error });
  }
}
