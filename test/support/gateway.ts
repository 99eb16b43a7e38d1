import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { freePort } from '../../bench/targets.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { removeDataDir } from './postgres.ts';
import { giveCluster } from './postgres-template.ts';
import { TEST_SOCKET, withSocket } from './test-socket.ts';
import type { SocketLayer } from './test-socket.ts';
import { until } from './until.ts';

/** A record as `/api/requests` answers it. */
export type RecordRow = Omit<ExchangeRecord, 'received_at' | 'first_byte_at' | 'ended_at'> & {
  received_at: string;
  first_byte_at: string | null;
  ended_at: string;
};

interface Page {
  items: RecordRow[];
  next: string | null;
}

export interface GatewayOptions {
  /** Kept over a restart; made and removed when not given. */
  dataDir?: string;
  env?: Record<string, string>;
  /** The whole config; by default the shipped one. Text is written as it is. */
  config?: unknown;
  /** Beside `serve` and the config's file. */
  args?: string[];
  simulatorPort?: number;
  /** `server.socket`, by default that of the run. */
  socket?: SocketLayer;
  /** With what the test itself asks of the gateway: who it is, where a proxy would say it. */
  headers?: Record<string, string>;
  /** What the command begins with, to run it elsewhere; `json` and `records` then do not reach it. */
  within?: string[];
}

/** The real binary in a process of its own, with all that is embedded. */
export interface TestGateway {
  url: string;
  /** One for each address, in the order of the config: `server.listen`, then `server.listen_h2c`. */
  urls: string[];
  simulatorUrl: string;
  pid: number;
  output(): string;
  json(path: string): Promise<unknown>;
  /** Waits until the API lists at least `count` requests; answers them all, newest first. */
  records(count: number, query?: string): Promise<RecordRow[]>;
  /** Waits until a record that is so is listed. */
  record(what: string, is: (record: RecordRow) => boolean): Promise<RecordRow>;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'aperture-test-'));
}

const START_WITHIN_MS = 100_000;
/** Who looks for one record has just made it; a list of hundreds costs a tenth of a second on both ends. */
const NEWEST = 50;
const ALL_EACH_LOOKS = 3;

export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const ownDir = options.dataDir === undefined;
  const dataDir = options.dataDir ?? temporaryFolder();
  if (options.env?.['DATABASE_URL'] === undefined && options.within === undefined) await giveCluster(dataDir);
  const simulatorPort = options.simulatorPort ?? (await freePort());
  const args = [join(packageRoot(), 'dist', 'src', 'main.js'), 'serve'];
  const configFile = join(dataDir, 'test-config.hujson');
  const socket = options.socket ?? TEST_SOCKET;
  if (options.config === undefined && socket !== 'uws') {
    writeFileSync(
      configFile,
      withSocket(readFileSync(join(packageRoot(), 'config', 'aperture.hujson'), 'utf8'), socket),
    );
    args.push('--config', configFile);
  }
  if (options.config !== undefined) {
    const config = typeof options.config === 'string' ? options.config : JSON.stringify(options.config);
    writeFileSync(configFile, withSocket(config, socket));
    args.push('--config', configFile);
    // A start is most of what many tests cost: one thread less, where nobody asks it.
    const isAsked = options.simulatorPort !== undefined || config.includes('APERTURE_SIMULATOR_PORT');
    if (!isAsked) args.push('--no-simulator');
  }
  args.push(...(options.args ?? []));
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    APERTURE_DATA_DIR: dataDir,
    APERTURE_LISTEN: '127.0.0.1:0',
    APERTURE_SIMULATOR_PORT: String(simulatorPort),
    APERTURE_LOG_LEVEL: 'warn',
    ...options.env,
  };
  const [command = '', ...rest] = [...(options.within ?? []), process.execPath, ...args];
  const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const gone = new Promise<number | null>((resolve) => child.on('exit', resolve));

  let url = '';
  await until(
    'the gateway is ready',
    () => {
      if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}:\n${output}`);
      url = /is ready on (http:\/\/\S+)/.exec(output)?.[1] ?? '';
      return url !== '';
    },
    START_WITHIN_MS,
  );

  const json = async (path: string): Promise<unknown> => {
    const response = await fetch(url + path, { headers: options.headers ?? {} });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  const remove = (): void => {
    if (ownDir) removeDataDir(dataDir);
  };
  return {
    url,
    urls: [...output.matchAll(/(?:is ready|and) on (https?:\/\/\S+)/g)].flatMap(([, found]) => found ?? []),
    simulatorUrl: `http://127.0.0.1:${simulatorPort}`,
    pid: child.pid ?? 0,
    output: () => output,
    json,
    async records(count, query = '') {
      let items: RecordRow[] = [];
      await until(
        `${count} records are listed`,
        async () => {
          // A list that fails is none, and no empty one: it is asked for again.
          const listed = await allRecords(json, query).catch(() => undefined);
          items = listed ?? items;
          return listed !== undefined && listed.length >= count;
        },
        30_000,
      );
      return items;
    },
    record(what, is) {
      let looks = 0;
      return until(
        `${what} is listed`,
        async () => {
          looks += 1;
          const list = looks % ALL_EACH_LOOKS === 0 ? allRecords(json, '') : newestRecords(json);
          // A list that fails is none: it is asked for again.
          return (await list.catch(() => [])).find(is);
        },
        60_000,
      );
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async stop() {
      const code = await stopChild(child, gone);
      remove();
      return code;
    },
  };
}

async function newestRecords(json: (path: string) => Promise<unknown>): Promise<RecordRow[]> {
  return (await (json as (path: string) => Promise<Page>)(`/api/requests?limit=${NEWEST}`)).items;
}

async function allRecords(json: (path: string) => Promise<unknown>, query: string): Promise<RecordRow[]> {
  const items: RecordRow[] = [];
  let before = '';
  for (;;) {
    const page = await (json as (path: string) => Promise<Page>)(
      `/api/requests?limit=1000${before === '' ? '' : `&before=${before}`}${query}`,
    );
    items.push(...page.items);
    if (page.next === null || page.items.length === 0) return items;
    before = page.next;
  }
}

async function stopChild(child: ChildProcess, gone: Promise<number | null>): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 45_000);
  const code = await gone;
  clearTimeout(timer);
  return code;
}
