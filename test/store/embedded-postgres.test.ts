import { mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { connectionOf } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const root = process.getuid?.() === 0;
const folders: string[] = [];
const running: EmbeddedPostgres[] = [];

function folder(mode?: number): string {
  const path = temporaryFolder('embedded', mode);
  folders.push(path);
  return path;
}

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, clock: systemClock });
  running.push(server);
  return server;
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connectionOf(server.address));
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function pidOf(server: EmbeddedPostgres): number {
  return Number(readFileSync(join(server.home, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

afterEach(async () => {
  for (const server of running.splice(0)) {
    await server.stop();
    rmSync(server.home, { recursive: true, force: true });
  }
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

describe('the embedded Postgres', () => {
  test('starts in a bare directory, keeps its rows over a stop, and starts again within three seconds', async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    expect(first.how).toBe('initialised');
    await ask(first, 'CREATE TABLE kept AS SELECT 7 AS n');
    expect(await first.stop()).toBe('stopped');

    const watch = stopwatch();
    const second = await start(dataDir);
    const tookMs = watch.ms();
    watch.stop();
    console.log(`later start of the embedded Postgres: ${tookMs.toFixed(0)} ms`);
    expect(second.how).toBe('started');
    expect(tookMs).toBeLessThan(3_000 * slowness());
    expect(await ask(second, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  describe('once it runs', () => {
    let dataDir: string;
    let server: EmbeddedPostgres;

    beforeAll(async () => {
      dataDir = temporaryFolder('embedded');
      server = await startEmbeddedPostgres({ dataDir, clock: systemClock });
    });

    afterAll(async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    });

    test('is durable, listens on no port, and keeps statements out of its log', async () => {
      const setting = async (name: string): Promise<unknown> => (await ask(server, `SHOW ${name}`))[0];
      expect(await setting('fsync')).toEqual({ fsync: 'on' });
      expect(await setting('synchronous_commit')).toEqual({ synchronous_commit: 'on' });
      expect(await setting('listen_addresses')).toEqual({ listen_addresses: '' });
      await expect(ask(server, `SELECT 'canary-4711'::int`)).rejects.toThrow();
      expect(readFileSync(join(server.home, 'postgres.log'), 'utf8')).not.toContain('canary');
    });

    test('asks for a random password, kept in a file for its owner alone', async () => {
      const password = readFileSync(join(server.home, 'password'), 'utf8');
      expect(password.length).toBeGreaterThanOrEqual(32);
      expect(statSync(join(server.home, 'password')).mode & 0o777).toBe(0o600);
      expect(statSync(join(server.home, 'data')).mode & 0o777).toBe(0o700);
      if ('url' in server.address) throw new Error('expected a socket');
      const intruder = new pg.Client({ ...server.address, password: 'guess' });
      await expect(intruder.connect()).rejects.toThrow(/password/);
    });

    test('a second gateway adopts it, and leaves it running for the first', async () => {
      await ask(server, 'CREATE TABLE kept AS SELECT 1 AS n');
      const first = new pg.Client(connectionOf(server.address));
      await first.connect();
      const second = await startEmbeddedPostgres({ dataDir, clock: systemClock });
      expect(second.how).toBe('adopted');
      expect(pidOf(second)).toBe(pidOf(server));
      expect(await ask(second, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
      expect(await second.stop()).toBe('left_running');
      expect((await first.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
      await first.end();
    });

    test('killed while it is held, it comes back by itself', async () => {
      const pid = pidOf(server);
      process.kill(pid, 'SIGKILL');
      const answer = await until('it answers again', () => ask(server, 'SELECT 1 AS n').catch(() => undefined));
      expect(answer).toEqual([{ n: 1 }]);
      expect(pidOf(server)).not.toBe(pid);
    });
  });

  test('killed with -9, it recovers what was committed', async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    await ask(first, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
    const pid = pidOf(first);
    process.kill(pid, 'SIGKILL');
    const second = await start(dataDir);
    expect(pidOf(second)).not.toBe(pid);
    expect(await ask(second, 'SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 1000 }]);
  });

  test('a pid file that names a stranger does not keep it from starting', async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    await first.stop();
    // As the server writes it, naming a process that lives and is not a Postgres: this one.
    writeFileSync(
      join(first.home, 'data', 'postmaster.pid'),
      `${process.pid}\n${join(first.home, 'data')}\n1\n5432\n\n\n         0         0\nready\n`,
    );
    const second = await start(dataDir);
    expect(second.how).toBe('started');
  });

  test('several processes that start at once share one server', async () => {
    const dataDir = folder();
    const servers = await Promise.all([start(dataDir), start(dataDir), start(dataDir)]);
    const pids = new Set(servers.map(pidOf));
    expect(pids.size).toBe(1);
    for (const server of servers) expect(await ask(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('a path too long for a socket address gets its socket elsewhere', async () => {
    const deep = join(folder(), 'a'.repeat(60), 'b'.repeat(60));
    mkdirSync(deep, { recursive: true, mode: 0o711 });
    const server = await start(deep);
    expect(await ask(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    if ('url' in server.address) throw new Error('expected a socket');
    expect(Buffer.byteLength(join(server.address.host, '.s.PGSQL.5432'))).toBeLessThan(104);
    rmSync(server.address.host, { recursive: true, force: true });
  });

  test.runIf(root)(
    'as root under a 0700 home it runs as another user, in a directory which that user reaches',
    async () => {
      const home = folder(0o700);
      const dataDir = join(home, 'checkout', '.aperture');
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      const server = await start(dataDir);
      expect(server.home).toMatch(/^\/var\/lib\/aperture-[0-9a-f]{12}$/);
      expect(statSync(`/proc/${pidOf(server)}`).uid).not.toBe(0);
      expect(readlinkSync(`/proc/${pidOf(server)}/cwd`)).toBe(join(server.home, 'data'));
      expect(await ask(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
      expect(statSync(server.home).uid).toBe(0);
    },
  );

  test.runIf(root)('a directory that somebody else put in its place is refused', async () => {
    const dataDir = folder();
    mkdirSync(join(dataDir, 'postgres'), { mode: 0o777 });
    const { chownSync } = await import('node:fs');
    chownSync(join(dataDir, 'postgres'), 65534, 65534);
    await expect(startEmbeddedPostgres({ dataDir, clock: systemClock })).rejects.toThrow(/belongs to uid 65534/);
  });
});
