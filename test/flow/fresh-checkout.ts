import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { assert } from '../../src/lib/result.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { elsewhere } from '../../src/store/postgres-home.ts';
import { freePort } from '../../bench/targets.ts';
import { slowness } from '../support/machine.ts';
import { removeDataDir } from '../support/postgres.ts';
import { until } from '../support/until.ts';

/** What `npm start` printed once it was ready. */
export interface Started {
  url: string;
  /** The request to try, as printed. */
  curl: string;
  /** The request that shows what it cost, as printed. */
  costCurl: string;
  tookMs: number;
}

/** This checkout's files alone, in a bare directory under a home that only its owner may enter. */
export interface FreshCheckout {
  /** Runs `npm start` and waits until it is ready. */
  start(): Promise<Started>;
  /** `kill -9` of npm, the gateway and the database, all at once. */
  killAll(): Promise<void>;
  remove(): Promise<void>;
}

/** The promise for the first call, which installs and builds. */
const START_WITHIN_MS = 120_000;

export async function freshCheckout(): Promise<FreshCheckout> {
  // mkdtemp makes it 0700.
  const home = mkdtempSync(join(tmpdir(), 'aperture-home-'));
  const checkout = join(home, 'checkout');
  copyFiles(packageRoot(), checkout);
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    // A home of its own has no cache; what was downloaded for this checkout need not come again.
    npm_config_cache: npmCache(),
    npm_config_prefer_offline: 'true',
    APERTURE_LISTEN: `127.0.0.1:${await freePort()}`,
    APERTURE_SIMULATOR_PORT: String(await freePort()),
  };
  const dataDir = join(checkout, '.aperture');
  let pid: number | undefined;

  return {
    async start() {
      const startedAtMs = performance.now();
      const child = spawn('npm', ['start'], { cwd: checkout, env, stdio: ['ignore', 'pipe', 'pipe'] });
      pid = child.pid;
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await until(
        'npm start is ready',
        () => {
          if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}:\n${output}`);
          return output.includes('What it cost:') && output.endsWith('\n');
        },
        START_WITHIN_MS * slowness(),
      ).catch((error: unknown) => {
        throw new Error(`npm start is not ready; it said:\n${output}`, { cause: error });
      });
      return { ...parseBanner(output), tookMs: performance.now() - startedAtMs };
    },
    async killAll() {
      assert(pid !== undefined, 'started first');
      const postmaster = postmasterOf(dataDir);
      assert(postmaster !== undefined, 'the embedded Postgres runs');
      const all = [...new Set([pid, postmaster].flatMap((root) => treeOf(root)))];
      for (const each of all) kill(each, 'SIGKILL');
      await until('all processes are gone', () => all.every(isGone));
    },
    async remove() {
      if (pid !== undefined) {
        const all = treeOf(pid);
        // npm passes the signal on, but not to a shell that it may have put in between.
        for (const each of all) kill(each, 'SIGTERM');
        await until('npm start has ended', () => all.every(isGone), 45_000);
      }
      if (existsSync(dataDir)) removeDataDir(dataDir);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** What a commit of the present state would hold. */
function copyFiles(from: string, to: string): void {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: from,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert(git.status === 0, 'git lists the files of this checkout');
  for (const file of git.stdout.split('\0')) {
    // Listed and yet gone: deleted, and not committed yet.
    if (file === '' || !existsSync(join(from, file))) continue;
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(from, file), join(to, file));
  }
}

function npmCache(): string {
  return spawnSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).stdout.trim();
}

function parseBanner(output: string): Omit<Started, 'tookMs'> {
  const url = /is ready on (http:\/\/\S+)/.exec(output)?.[1];
  const curl = /Try it:\n\n([\s\S]*?)\n\n/.exec(output)?.[1];
  const costCurl = /What it cost: (.*)\n/.exec(output)?.[1];
  assert(url !== undefined && curl !== undefined && costCurl !== undefined, `npm start prints what to try: ${output}`);
  return { url, curl, costCurl };
}

function postmasterOf(dataDir: string): number | undefined {
  const near = join(dataDir, 'postgres');
  const file = join(existsSync(near) ? near : elsewhere(realpathSync(dataDir)), 'data', 'postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined;
}

/** A process and all that descend from it. */
function treeOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) parents.set(Number(name), stat.parent);
  }
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** Undefined when there is no such process. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold blanks and parentheses: it ends at the last one.
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined; // It ended between the listing and the look.
  }
}

/** A zombie counts as gone: its parent has not looked yet. */
function isGone(pid: number): boolean {
  const stat = statOf(pid);
  return stat === undefined || stat.state === 'Z';
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was quicker.
  }
}
