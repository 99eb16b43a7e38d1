import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';

/** An agent as npm has it. */
export interface Package {
  name: string;
  version: string;
  /** Path of the program below `node_modules`. */
  program: string;
}

/** Where an agent is tried: an installed program, a gateway, and folders that nobody has used before. */
export interface Stage {
  program: string;
  gateway: TestGateway;
  home: string;
  work: string;
}

/** What a program said. */
export interface Said {
  output: string;
  tookMs: number;
}

const ANSWER_WITHIN_MS = 120_000;

/**
 * Installs the agent in a scratch folder, plays with it before a gateway of its own, and takes all away again. No install
 * script runs: a platform's program is in an optional dependency.
 */
export async function tryAgent(agent: Package, play: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-agents-'));
  try {
    const program = install(agent, folder);
    const home = join(folder, 'home');
    const work = join(folder, 'work');
    mkdirSync(home);
    mkdirSync(work);
    const gateway = await startGateway();
    try {
      await play({ program, gateway, home, work });
    } finally {
      await gateway.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function install({ name, version, program }: Package, folder: string): string {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  console.log(`installing ${name}@${version} in a scratch folder ...`);
  const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`];
  const done = spawnSync('npm', npm, { cwd: folder, stdio: 'inherit' });
  assert(done.status === 0, `npm could not install ${name}`);
  const path = join(folder, 'node_modules', program);
  assert(existsSync(path), `${name} has no program for ${process.platform}-${process.arch}`);
  return path;
}

/** Runs a program in the stage's folders and waits for its end. Fails where it says nothing, or ends with an error. */
export async function ask(
  { home, work }: Stage,
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Said> {
  const began = performance.now();
  const child = spawn(program, args, {
    cwd: work,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      // Whatever it would say to others goes to a closed port: all that works is what goes to the gateway.
      HTTP_PROXY: 'http://127.0.0.1:9',
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: ANSWER_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  assert(code === 0 && output !== '', `the agent ended with ${code ?? 'a signal'}:\n${output}\n${errors}`);
  return { output, tookMs: performance.now() - began };
}

/** The events of an agent that prints one JSON object a line, those that the schema knows. */
export function events<T>(output: string, schema: z.ZodType<T>): T[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .flatMap((line) => {
      const event = schema.safeParse(JSON.parse(line));
      return event.success ? [event.data] : [];
    });
}

/** What every record of one turn must say. */
export interface Expected {
  agent: string;
  version: string;
  /** As the agent itself calls it; undefined where it sends none. */
  session: string | undefined;
}

/** Nanodollars a token, without a cache, by model. */
export type Rates = Record<string, { input: number; output: number }>;

const Books = z.looseObject({ totals: z.looseObject({ usage: z.record(z.string(), z.int()) }) });

/** Waits for so many new records; answers them in the order of their requests, and prints their figures. */
export async function newRecords(gateway: TestGateway, seen: number, count: number): Promise<RecordRow[]> {
  const records = (await gateway.records(seen + count)).reverse().slice(seen);
  for (const record of records) console.log(figures(record));
  assert(records.length === count, `${count} records, not ${records.length}`);
  return records;
}

export function checkRecords(records: readonly RecordRow[], expected: Expected, rates: Rates): void {
  const { agent, version, session } = expected;
  for (const record of records) {
    assert(record.agent === agent, `the record names the agent ${agent}, not ${record.agent}`);
    assert(record.client_version === version, `the record has the version, not ${record.client_version}`);
    if (session !== undefined) assert(record.session_id === session, "the record has the agent's own session");
    assert(record.state === 'complete' && record.usage_state === 'final', 'the record is complete');
    assert(costOf(record, rates) === record.cost_nanodollars, 'the cost is what the published prices make of it');
  }
}

function costOf({ usage, model }: RecordRow, rates: Rates): string {
  const rate = rates[model];
  assert(usage !== null && rate !== undefined, `${model} has usage and a price`);
  return String(usage.input_uncached * rate.input + (usage.output + usage.reasoning) * rate.output);
}

/** The provider's own books against ours, over all that the gateway has. */
export async function checkBooks(gateway: TestGateway): Promise<void> {
  const books = Books.parse(await (await fetch(`${gateway.simulatorUrl}/__sim/books`)).json());
  const sum: Record<string, number> = {};
  for (const record of await gateway.records(0)) {
    for (const [kind, tokens] of Object.entries(record.usage ?? {})) sum[kind] = (sum[kind] ?? 0) + tokens;
  }
  assert(isDeepStrictEqual(sum, books.totals.usage), "usage equals the provider's books");
}

/** All input, all output and the cost of some records, as agents sum them up. */
export function sumOf(records: readonly RecordRow[]): { input: number; output: number; nanodollars: bigint } {
  return {
    input: records.reduce((sum, { usage }) => sum + (usage?.input_uncached ?? 0), 0),
    output: records.reduce((sum, { usage }) => sum + (usage?.output ?? 0), 0),
    nanodollars: records.reduce((sum, { cost_nanodollars }) => sum + BigInt(cost_nanodollars ?? 0), 0n),
  };
}

function figures(record: RecordRow): string {
  const { agent, client_version, path, model, status, stream, session_id, stop_reason } = record;
  const { request_bytes, response_bytes, usage, cost_nanodollars, tool_calls } = record;
  const used = Object.fromEntries(Object.entries(usage ?? {}).filter(([, tokens]) => tokens > 0));
  return JSON.stringify({
    agent: `${agent} ${client_version}`,
    path,
    model,
    status,
    stream,
    session_id,
    stop_reason,
    tools: tool_calls.map(({ name }) => name),
    request_bytes,
    response_bytes,
    usage: used,
    cost_nanodollars,
  });
}
