import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../../src/lib/clock.ts';
import { migrate, openPool } from '../../src/store/database.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { elsewhere } from '../../src/store/postgres-home.ts';
import { giveCluster, MIGRATED, removeAside } from './postgres-template.ts';

/** A folder of its own that the server's user can pass through, when the tests run as root. */
export function temporaryFolder(name: string, mode = 0o711): string {
  const folder = mkdtempSync(join(tmpdir(), `aperture-test-${name}-`));
  chmodSync(folder, mode);
  return folder;
}

/**
 * Removes a gateway's data directory, and its cluster where that had to live elsewhere (root, and a directory of mode
 * 0700). The server must have been stopped.
 */
export function removeDataDir(dataDir: string): void {
  const home = elsewhere(realpathSync(dataDir));
  rmSync(home, { recursive: true, force: true });
  removeAside(home);
  rmSync(dataDir, { recursive: true, force: true });
}

export interface TestPostgres {
  embedded: EmbeddedPostgres;
  /** A new, empty database on the same server. */
  database(): Promise<DatabaseAddress>;
  /** A new database as a gateway's first start leaves it: with our schema, and nothing in it. */
  begun(): Promise<DatabaseAddress>;
  /** A new database with our schema, and a pool to it. */
  migrated(): Promise<{ address: DatabaseAddress; pool: pg.Pool }>;
  /** The server dies under its clients, and nobody starts it again but `start`. */
  kill(): Promise<void>;
  /** After `kill`: the same server at the same address, with all that was committed. */
  start(): Promise<void>;
  /** Stops all its processes where they stand (`SIGSTOP`), or lets them go on. Who connects meanwhile is not answered. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

/** A real server for one test file; its pools are closed with it. */
export async function startTestPostgres(name: string): Promise<TestPostgres> {
  const folder = temporaryFolder(name);
  const hasMigrated = await giveCluster(folder);
  const embedded = await startEmbeddedPostgres({ dataDir: folder, clock: systemClock });
  let running = embedded;
  const postmaster = (): number =>
    Number(readFileSync(join(embedded.home, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
  const pools: pg.Pool[] = [];
  let databases = 0;
  const database = async (like = 'template1'): Promise<DatabaseAddress> => {
    if ('url' in embedded.address) throw new Error('the embedded server has a socket');
    databases += 1;
    const name = `test_${databases}`;
    const client = new pg.Client(embedded.address);
    await client.connect();
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${like}`);
    await client.end();
    return { ...embedded.address, database: name };
  };
  const begun = (): Promise<DatabaseAddress> => database(hasMigrated ? MIGRATED : undefined);
  return {
    embedded,
    database: () => database(),
    begun,
    migrated: async () => {
      const address = await begun();
      const pool = openPool(address, {
        name: 'test',
        max: 8,
        statementMs: 20_000,
        waitMs: 20_000,
        onError: () => undefined,
      });
      pools.push(pool);
      await migrate(pool);
      return { address, pool };
    },
    kill: async () => {
      // It stays for others that are connected; nobody watches over it any more.
      if ((await running.stop()) === 'stopped') return;
      process.kill(postmaster(), 'SIGKILL');
    },
    start: async () => {
      running = await startEmbeddedPostgres({ dataDir: folder, clock: systemClock });
    },
    signal: (name) => {
      const pid = postmaster();
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
      for (const each of [pid, ...children]) process.kill(each, name);
    },
    stop: async () => {
      for (const pool of pools) if (!pool.ended) await pool.end();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The address as an operator would give it in `DATABASE_URL`. */
export function databaseUrl(address: DatabaseAddress): string {
  if ('url' in address) return address.url;
  const { host, port, user, password, database } = address;
  return `postgresql://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}
