import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { hasCode } from '../lib/error-code.ts';
import type { DatabaseAddress } from './database.ts';
import { initialise, USER } from './postgres-cluster.ts';
import { preparePostgresHome } from './postgres-home.ts';
import type { PostgresHome } from './postgres-home.ts';
import { findPostmaster, logTail, PORT, runsIn, signal, spawnServer } from './postgres-server.ts';

/**
 * A real Postgres for evaluation and tests: no other software, nothing to set up. Durable (`fsync` is on), reachable
 * through a Unix socket and a random password only. It outlives a `kill -9` of ours; the next start adopts it.
 */
export interface EmbeddedPostgres {
  /** Plain data: may be posted to other threads. */
  address: DatabaseAddress;
  home: string;
  /** `initialised`: the cluster is new. `adopted`: it was still running. */
  how: 'initialised' | 'started' | 'adopted';
  /**
   * Shuts the server down, unless other clients still use it: a second gateway on the same data directory may have
   * adopted it. Close our own pools first.
   */
  stop(): Promise<'stopped' | 'left_running'>;
}

export interface EmbeddedOptions {
  /** The gateway's data directory; created when missing. */
  dataDir: string;
  clock: Clock;
  /** Told, once each time, of a server that died and of what became of it. */
  onEvent?: (what: string) => void;
}

const DATABASE = 'aperture';

/** Crash recovery of a busy cluster takes seconds; the WAL that it replays is bounded by `max_wal_size`. */
const START_TIMEOUT_MS = 60_000;
/** A server that neither answers nor ends within this is told to quit at once; it recovers at the next start. */
const DEAF_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
/** Backends of clients that just left need a moment to go. */
const CLIENTS_LEAVE_MS = 1_000;
/** Failed starts in a row before we give up: the first may meet what a killed server left in shared memory. */
const START_ATTEMPTS = 4;
const POLL_MS = 25;
const WATCH_MS = 1_000;

/**
 * Starts the cluster that belongs to `dataDir`, or adopts it when its server still runs; makes it at first. While it
 * is held, a server that dies is started again.
 *
 * @throws Error when it cannot be started: no binary or user for it, a data directory of another major version, or
 *   whatever the end of its log says.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const place = preparePostgresHome(options.dataDir);
  const isNew = await initialise(place);
  const adopted = await bringUp(place, options.clock);
  await createDatabase(place);
  const watch = watchOver(place, options);
  return {
    address: addressOf(place, DATABASE),
    home: place.home,
    how: isNew ? 'initialised' : adopted ? 'adopted' : 'started',
    stop: async () => {
      await watch.stop();
      return shutDown(place, options.clock);
    },
  };
}

/** Returns once the server answers; true when it ran before. */
async function bringUp(place: PostgresHome, clock: Clock): Promise<boolean> {
  const untilMs = clock.nowMs() + START_TIMEOUT_MS;
  let deafSinceMs = clock.nowMs();
  let attempts = 0;
  let exited: Promise<unknown> | undefined;
  while (clock.nowMs() < untilMs) {
    const postmaster = findPostmaster(place);
    if (postmaster !== undefined && (await accepts(place))) return attempts === 0;
    if (postmaster === undefined && exited === undefined) {
      if (attempts === START_ATTEMPTS) throw new Error(`Postgres does not start: ${logTail(place)}`);
      attempts += 1;
      deafSinceMs = clock.nowMs();
      exited = spawnServer(place).finally(() => {
        exited = undefined;
      });
    }
    if (postmaster !== undefined && clock.nowMs() - deafSinceMs > DEAF_TIMEOUT_MS) {
      signal(postmaster, 'SIGQUIT');
      deafSinceMs = clock.nowMs();
    }
    await sleep(POLL_MS);
  }
  throw new Error(`Postgres did not answer within ${START_TIMEOUT_MS} ms: ${logTail(place)}`);
}

function addressOf(place: PostgresHome, database: string): DatabaseAddress {
  return { host: place.sockets, port: PORT, user: USER, password: place.password, database };
}

function connect(place: PostgresHome): pg.Client {
  const client = new pg.Client({
    ...addressOf(place, 'postgres'),
    connectionTimeoutMillis: 2_000,
    query_timeout: 10_000,
    application_name: 'aperture-start',
  });
  // A server that goes down tells idle clients; the next use of this one fails anyway.
  client.on('error', () => undefined);
  return client;
}

/** @throws Error when the server answers, and says that our password is not its password. */
async function accepts(place: PostgresHome): Promise<boolean> {
  const client = connect(place);
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (hasCode(error, '28P01')) {
      throw new Error(`${join(place.home, 'password')} is not the password of the cluster beside it`, { cause: error });
    }
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function createDatabase(place: PostgresHome): Promise<void> {
  const client = connect(place);
  try {
    await client.connect();
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    // Another process was quicker.
    if (!hasCode(error, '42P04') && !hasCode(error, '23505')) throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function watchOver(place: PostgresHome, options: EmbeddedOptions): { stop(): Promise<void> } {
  let reviving: Promise<void> | undefined;
  const revive = async (): Promise<void> => {
    options.onEvent?.('the embedded Postgres has died; starting it again');
    try {
      await bringUp(place, options.clock);
      options.onEvent?.('the embedded Postgres is back');
    } catch (error) {
      options.onEvent?.(error instanceof Error ? error.message : 'the embedded Postgres does not start');
    }
  };
  const timer = setInterval(() => {
    if (reviving !== undefined || findPostmaster(place) !== undefined) return;
    reviving = revive().finally(() => {
      reviving = undefined;
    });
  }, WATCH_MS);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await reviving;
    },
  };
}

async function shutDown(place: PostgresHome, clock: Clock): Promise<'stopped' | 'left_running'> {
  const postmaster = findPostmaster(place);
  if (postmaster === undefined) return 'stopped';
  if (await othersConnected(place, clock)) return 'left_running';
  signal(postmaster, 'SIGINT');
  if (!(await gone(postmaster, place, clock))) {
    signal(postmaster, 'SIGQUIT');
    await gone(postmaster, place, clock);
  }
  return 'stopped';
}

async function gone(pid: number, place: PostgresHome, clock: Clock): Promise<boolean> {
  const untilMs = clock.nowMs() + STOP_TIMEOUT_MS;
  while (runsIn(pid, place.data)) {
    if (clock.nowMs() > untilMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

const Count = z.object({ others: z.coerce.number() });

async function othersConnected(place: PostgresHome, clock: Clock): Promise<boolean> {
  const client = connect(place);
  const untilMs = clock.nowMs() + CLIENTS_LEAVE_MS;
  try {
    await client.connect();
    for (;;) {
      const answer = await client.query(
        `SELECT count(*) AS others FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      );
      if (Count.parse(answer.rows[0]).others === 0) return false;
      if (clock.nowMs() > untilMs) return true;
      await sleep(POLL_MS);
    }
  } catch {
    // It does not answer: nobody can be using it.
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
