import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../lib/error-code.ts';
import type { PostgresHome } from './postgres-home.ts';

/*
 * The server of an embedded cluster as a process: started, found again by its pid file, told something by a signal.
 */

/** The name of its socket; it listens on no port. */
export const PORT = 5432;

/** Of what a server said before it ended. */
export const LOG_TAIL_BYTES = 2_000;
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

/** Resolves when the server has ended. It has its own process group, so that Ctrl-C reaches us and not it. */
export function spawnServer(place: PostgresHome): Promise<void> {
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
export function findPostmaster(place: PostgresHome): number | undefined {
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
export function runsIn(pid: number, folder: string): boolean {
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

export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** A bare environment: `PG…` variables would steer the server, and provider keys are none of its business. */
export function childOptions(place: PostgresHome): { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number } {
  return {
    cwd: place.home,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(place.account ?? {}),
  };
}

function logTooLong(place: PostgresHome): boolean {
  return existsSync(place.log) && statSync(place.log).size > LOG_BYTES;
}

export function logTail(place: PostgresHome): string {
  try {
    return readFileSync(place.log, 'utf8').slice(-LOG_TAIL_BYTES).trim();
  } catch {
    return 'it left no log';
  }
}
