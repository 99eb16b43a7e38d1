import { execFile } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { startFlow } from './support.ts';
import type { Flow } from './support.ts';

const REQUESTS = 12;
/** Stands in every request and every answer, and in nothing that is printed. */
const CANARY = 'CANARY-of-the-journal';

let postgres: TestPostgres;
let flow: Flow;
const dataDir = temporaryFolder();
const journal = join(dataDir, 'journal');

beforeAll(async () => {
  postgres = await startTestPostgres('journal-command');
  const { address } = await postgres.migrated();
  flow = await startFlow({ dataDir, env: { DATABASE_URL: databaseUrl(address) } });
  for (let number = 0; number < REQUESTS; number += 1) {
    const messages = [{ role: 'user', content: CANARY }];
    const options = { stream: number % 2 === 0, sim: `output=7; text=${CANARY}`, body: { messages } };
    await (await flow.ask('openai', options)).text();
  }
  await flow.gateway.records(REQUESTS);
});
afterAll(async () => {
  await flow.close();
  await postgres.stop();
});

interface Ran {
  code: number;
  output: string;
}

function aperture(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const main = join(packageRoot(), 'dist', 'src', 'main.js');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, 'journal', ...args],
      { env: { PATH: process.env['PATH'] ?? '', APERTURE_CONFIG: join(dataDir, 'test-config.hujson'), ...env } },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr });
      },
    );
  });
}

function copied(): string {
  const copy = join(temporaryFolder(), 'journal');
  cpSync(journal, copy, { recursive: true });
  return copy;
}

test('ls and verify tell what is there while a gateway runs, and replay leaves its journal alone', async () => {
  const list = await aperture(['ls', '--data-dir', dataDir]);
  console.log(list.output);
  expect(list.code).toBe(0);
  expect(list.output).toContain(`in use by process ${flow.gateway.pid}`);
  const total = list.output.split('\n').find((line) => line.startsWith('total')) ?? '';
  // After bytes and frames: opened, closed, open, damaged.
  expect(total.split(/\s+/).slice(3)).toEqual([String(REQUESTS), String(REQUESTS), '0', '0']);
  expect((await aperture(['verify', '--data-dir', dataDir])).code).toBe(0);
  const replay = await aperture(['replay', '--data-dir', dataDir, '--dry-run']);
  expect(replay.output).toContain(`in use by process ${flow.gateway.pid}`);
  expect(replay.code).toBe(1);
});

test('what was left by a kill is listed, and a copy of it makes the same records in another database, once', async () => {
  const hanging = flow.ask('openai', { stream: true, sim: 'events=5000; pace=20ms' }).catch(() => undefined);
  await until('it runs', async () =>
    /^aperture_live_exchanges 1$/m.test(await (await fetch(`${flow.gateway.url}/metrics`)).text()),
  );
  await flow.gateway.kill();
  await hanging;
  const copy = copied();
  const list = await aperture(['ls', '--folder', copy]);
  expect(list.output).toContain('in nobody’s use');
  const dry = await aperture(['replay', '--folder', copy, '--dry-run']);
  console.log(dry.output);
  expect(dry.output).toMatch(/^complete +12 /m);
  expect(dry.output).toMatch(/^interrupted +1 /m);
  const other = await postgres.migrated();
  const env = { DATABASE_URL: databaseUrl(other.address) };
  expect((await aperture(['replay', '--folder', copy], env)).output).toContain('13 stored, 0 were there already');
  expect((await aperture(['replay', '--folder', copy], env)).output).toContain('0 stored, 13 were there already');
  const { rows } = await other.pool.query(
    'SELECT state, sum(output + reasoning)::int AS output FROM aperture.records GROUP BY 1 ORDER BY 1',
  );
  expect(rows[0]).toEqual({ state: 'complete', output: 12 * 7 });
  expect([list, dry].map(({ output }) => output).join()).not.toContain(CANARY);
});

test('verify names the places of damage, and exits with 2', async () => {
  const copy = copied();
  const name =
    readdirSync(copy).find((each) => each.endsWith('.seg') && statSync(join(copy, each)).size > 10_000) ?? '';
  const bytes = readFileSync(join(copy, name));
  const at = bytes.indexOf(CANARY);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(join(copy, name), bytes);
  const verified = await aperture(['verify', '--folder', copy]);
  console.log(verified.output);
  expect(verified.code).toBe(2);
  const line = verified.output.split('\n').find((each) => each.startsWith('payload')) ?? '';
  const [offset, length] = line
    .split(/\s+/)
    .slice(-2)
    .map((cell) => Number(cell.replaceAll(',', '')));
  expect(at).toBeGreaterThan(offset ?? Infinity);
  expect(at).toBeLessThan((offset ?? 0) + (length ?? 0));
  expect(verified.output).not.toContain(CANARY);
});
