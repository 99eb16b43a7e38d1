import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { hasCode } from '../lib/error-code.ts';
import type { DatabaseAddress } from './database.ts';
import { preparePostgresHome } from './postgres-home.ts';
import type { PostgresHome } from './postgres-home.ts';

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

const USER = 'aperture';
const DATABASE = 'aperture';
const PORT = 5432;

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
const LOG_TAIL_BYTES = 2_000;
/** Warnings of many starts; beyond it the log begins anew with the next. */
const LOG_BYTES = 4 * 1024 * 1024;

/**
 * Small enough to sit beside a gateway. The server's log holds what the server does (`log`, `fatal`, `panic`) and no
 * error of a statement: statements, rows and messages about them may hold what users wrote.
 */
const SETTINGS: Record<string, string> = {
  listen_addresses: '',
  port: String(PORT),
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '64MB',
  // Readers of tool calls lock each day's partitions with their indexes: about four thousand after a year.
  max_locks_per_transaction: '512',
  max_wal_size: '512MB',
  fsync: 'on',
  synchronous_commit: 'on',
  jit: 'off',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

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

/** True when the cluster was made by this call. Several may try at once: the first rename wins. */
async function initialise(place: PostgresHome): Promise<boolean> {
  if (existsSync(join(place.data, 'PG_VERSION'))) {
    checkMajorVersion(place);
    return false;
  }
  const mine = mkdtempSync(join(place.home, 'new-'));
  const passwordFile = join(mine, 'password');
  const data = join(mine, 'data');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, place.password, { mode: 0o600 });
  if (place.account !== undefined) {
    for (const path of [mine, data, passwordFile]) chownSync(path, place.account.uid, place.account.gid);
  }
  try {
    await runInitdb(place, data, passwordFile);
    renameSync(data, place.data);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
}

function checkMajorVersion(place: PostgresHome): void {
  const [ours] = /\d+/.exec(place.native.slice(place.native.lastIndexOf('native-'))) ?? [''];
  const theirs = readFileSync(join(place.data, 'PG_VERSION'), 'utf8').trim();
  if (ours !== theirs) {
    throw new Error(`${place.data} was made by Postgres ${theirs}; this is ${ours}: dump it there and load it here`);
  }
}

function runInitdb(place: PostgresHome, data: string, passwordFile: string): Promise<void> {
  const initdb = spawn(
    join(place.native, 'bin', 'initdb'),
    [
      `--pgdata=${data}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      // They make a password dear that can be guessed. Ours is 24 random bytes, and each connection pays for them.
      '--set=scram_iterations=1',
      '--encoding=UTF8',
      '--locale=C',
    ],
    { ...childOptions(place), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  initdb.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-LOG_TAIL_BYTES);
  });
  return new Promise((resolve, reject) => {
    initdb.once('error', reject);
    initdb.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`initdb ended with ${String(code)}: ${said.trim()}`));
    });
  });
}

/** A bare environment: `PG…` variables would steer the server, and provider keys are none of its business. */
function childOptions(place: PostgresHome): { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number } {
  return {
    cwd: place.home,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(place.account ?? {}),
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

/** Resolves when the server has ended. It has its own process group, so that Ctrl-C reaches us and not it. */
function spawnServer(place: PostgresHome): Promise<void> {
  // The one beside the socket outlives a kill of everything as well.
  for (const file of [pidFile(place), socketLock(place)]) removeIfStale(file, place);
  const settings = { ...SETTINGS, unix_socket_directories: place.sockets };
  const log = openSync(place.log, logTooLong(place) ? 'w' : 'a', 0o600);
  const server = spawn(
    join(place.native, 'bin', 'postgres'),
    ['-D', place.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...childOptions(place), detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  // Nothing of ours waits for it to end.
  server.unref();
  return new Promise((resolve) => {
    server.once('error', (error) => {
      appendFileSync(place.log, `${error.message}\n`);
      resolve();
    });
    server.once('exit', () => {
      resolve();
    });
  });
}

function pidFile(place: PostgresHome): string {
  return join(place.data, 'postmaster.pid');
}

function socketLock(place: PostgresHome): string {
  return join(place.sockets, `.s.PGSQL.${PORT}.lock`);
}

/**
 * Postgres trusts a lock file whose number is in use by whomever, be it a zombie, and numbers come round again, in
 * containers at once. One that names a process which is not this cluster's server is set aside, and put back if it was
 * written meanwhile.
 */
function removeIfStale(path: string, place: PostgresHome): void {
  const aside = `${path}.${process.pid}`;
  const stale = readPid(path);
  if (stale === undefined || runsIn(stale, place.data)) return;
  renameSync(path, aside);
  const moved = readPid(aside);
  if (moved === stale || moved === undefined) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

/** The pid of this cluster's live server, as its pid file and the process table have it. */
function findPostmaster(place: PostgresHome): number | undefined {
  const pid = readPid(pidFile(place));
  return pid !== undefined && runsIn(pid, place.data) ? pid : undefined;
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').split('\n')[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** A server's working directory is its data directory. A zombie has none, and is as good as gone. */
function runsIn(pid: number, folder: string): boolean {
  if (!signal(pid, 0)) return false;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder);
  } catch {
    return !existsSync('/proc/self/cwd') && commandOf(pid).includes(folder);
  }
}

/** Where there is no /proc: the server's command line names its data directory. */
function commandOf(pid: number): string {
  return spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout;
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
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

function logTooLong(place: PostgresHome): boolean {
  return existsSync(place.log) && statSync(place.log).size > LOG_BYTES;
}

function logTail(place: PostgresHome): string {
  try {
    return readFileSync(place.log, 'utf8').slice(-LOG_TAIL_BYTES).trim();
  } catch {
    return 'it left no log';
  }
}
