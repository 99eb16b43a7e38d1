import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { hasCode } from '../../src/lib/error-code.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { migrate, openPool } from '../../src/store/database.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { homeOf, preparePostgresHome } from '../../src/store/postgres-home.ts';

/** An empty database with our schema and the queue's, that others are copied from: nobody connects to it. */
export const MIGRATED = 'test_migrated';

/** Data directories that were looked at: what is started there for a second time is left as it is. */
const seen = new Set<string>();

/**
 * Gives a data directory that is new the cluster that a first start would make there, with our schema: a copy of one that
 * is made once for a run of the tests, since `initdb` and the migrations cost a second of processor each time. The server's
 * own files are the template's. Without a copy nothing is lost: the start makes its own. True where the cluster has
 * `MIGRATED`.
 */
export async function giveCluster(dataDir: string): Promise<boolean> {
  if (seen.has(dataDir)) return false;
  seen.add(dataDir);
  const template = await madeTemplate();
  if (template === undefined || (existsSync(dataDir) && readdirSync(dataDir).length > 0)) return false;
  shareNative(template, dataDir);
  const { home, data } = preparePostgresHome(dataDir);
  if (existsSync(data)) return false;
  const copy = `${isAside(home, dataDir) ? asideOf(home) : data}-copy`;
  try {
    execFileSync('cp', ['--archive', join(template, 'data'), copy], { stdio: 'ignore' });
  } catch {
    // A disk that is too small, in a test about that: it is for the gateway to say.
    rmSync(copy, { recursive: true, force: true });
    return false;
  }
  writeFileSync(join(home, 'password'), readFileSync(join(template, 'password')), { mode: 0o600 });
  if (isAside(home, dataDir)) symlinkSync(copy, data);
  else renameSync(copy, data);
  return true;
}

/** Removes what `giveCluster` put beside a home that is not in the data directory. */
export function removeAside(home: string): void {
  if (process.env['APERTURE_TEST_POSTGRES'] !== undefined) {
    rmSync(`${asideOf(home)}-copy`, { recursive: true, force: true });
  }
}

/** A home outside of the data directory is not where tests keep what is theirs: its cluster is linked from there. */
function isAside(home: string, dataDir: string): boolean {
  return dirname(home) !== realpathSync(dataDir);
}

function asideOf(home: string): string {
  return join(process.env['APERTURE_TEST_POSTGRES'] ?? '', basename(home));
}

/** Sixty megabytes are not copied for each start. */
function shareNative(template: string, dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const home = homeOf(realpathSync(dataDir));
  mkdirSync(home, { recursive: true, mode: 0o711 });
  const native = readdirSync(template).find((name) => name.startsWith('native-'));
  if (native !== undefined && !existsSync(join(home, native))) symlinkSync(join(template, native), join(home, native));
}

/** Home of the template. Undefined outside of vitest (`test/support/global-setup.ts`), and while another file makes it. */
async function madeTemplate(): Promise<string | undefined> {
  const folder = process.env['APERTURE_TEST_POSTGRES'];
  if (folder === undefined) return undefined;
  const ready = join(folder, 'ready');
  if (!existsSync(ready)) {
    const making = join(folder, 'making');
    try {
      mkdirSync(making, { mode: 0o711 });
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return undefined;
      throw error;
    }
    writeFileSync(`${ready}.new`, await makeTemplate(making));
    renameSync(`${ready}.new`, ready);
  }
  return readFileSync(ready, 'utf8');
}

async function makeTemplate(dataDir: string): Promise<string> {
  const embedded = await startEmbeddedPostgres({ dataDir, clock: systemClock });
  const { address, home } = embedded;
  if ('url' in address) throw new Error('the embedded server has a socket');
  await migrated(address);
  await withQueue(address);
  const client = new pg.Client({ ...address, database: 'postgres' });
  await client.connect();
  await client.query(`CREATE DATABASE ${MIGRATED} TEMPLATE ${address.database}`);
  await client.end();
  await embedded.stop();
  return home;
}

async function migrated(address: DatabaseAddress): Promise<void> {
  const pool = openPool(address, {
    name: 'test',
    max: 1,
    statementMs: 20_000,
    waitMs: 20_000,
    onError: () => undefined,
  });
  await migrate(pool);
  await pool.end();
}

/** The queue keeps its jobs in tables of its own, which cost each first start a tenth of a second. */
async function withQueue(database: DatabaseAddress): Promise<void> {
  // BullMQ is large, and only who makes the template needs it.
  const { openQueue } = await import('../../src/store/queue.ts');
  const queue = openQueue('records', { kind: 'postgres', database }, { onError: () => undefined });
  try {
    await queue.depth();
  } finally {
    await queue.close();
  }
}
