import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';

/**
 * Claude Code from npm, as a user has it who changed nothing but the base URL: does it answer through the gateway, and is
 * it in the books? Prints the record's figures and exits with 1 when something differs. See README.md beside this file.
 */
const PACKAGE = '@anthropic-ai/claude-code';
const VERSION = '2.1.330';
const ANSWER_WITHIN_MS = 120_000;

/** What `claude -p --output-format json` prints, as far as it matters here. */
const Answer = z.looseObject({
  is_error: z.boolean(),
  result: z.string(),
  session_id: z.string(),
  total_cost_usd: z.number(),
});
type Answer = z.infer<typeof Answer>;

const Books = z.looseObject({ totals: z.looseObject({ usage: z.record(z.string(), z.int()) }) });

const scratch = mkdtempSync(join(tmpdir(), 'aperture-agents-'));
try {
  const claude = install(scratch);
  const gateway = await startGateway();
  try {
    const answer = await ask(claude, gateway.url, scratch);
    await check(gateway, answer);
  } finally {
    await gateway.stop();
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Path of the program. No install script runs: the platform's package is an optional dependency with the binary in it. */
function install(folder: string): string {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  console.log(`installing ${PACKAGE}@${VERSION} in a scratch folder ...`);
  const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${PACKAGE}@${VERSION}`];
  const done = spawnSync('npm', npm, { cwd: folder, stdio: 'inherit' });
  assert(done.status === 0, `npm could not install ${PACKAGE}`);
  const program = join(folder, 'node_modules', `${PACKAGE}-${process.platform}-${process.arch}`, 'claude');
  assert(existsSync(program), `${PACKAGE} has no program for ${process.platform}-${process.arch}`);
  return program;
}

async function ask(program: string, url: string, folder: string): Promise<Answer> {
  const home = join(folder, 'home');
  const work = join(folder, 'work');
  mkdirSync(home);
  mkdirSync(work);
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: 'the-gateway-has-the-keys',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    // Whatever it would say to others goes to a closed port: all that works is what goes to the gateway.
    HTTP_PROXY: 'http://127.0.0.1:9',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1',
  };
  const child = spawn(program, ['-p', 'say OK', '--output-format', 'json'], {
    cwd: work,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: ANSWER_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  assert(output !== '', `claude said nothing and ended with ${code ?? 'a signal'}`);
  return Answer.parse(JSON.parse(output));
}

async function check(gateway: TestGateway, answer: Answer): Promise<void> {
  console.log(`claude said ${JSON.stringify(answer.result)}, session ${answer.session_id}`);
  assert(!answer.is_error && answer.result === 'OK', 'claude must answer OK');
  const records = await gateway.records(1);
  for (const record of records) console.log(figures(record));
  for (const record of records) {
    assert(record.agent === 'claude-code', 'the record names the agent');
    assert(record.client_version === VERSION, 'the record has the version');
    assert(record.session_id === answer.session_id, "the record has the client's own session");
    assert(record.state === 'complete' && record.usage_state === 'final', 'the record is complete');
  }
  const books = Books.parse(await (await fetch(`${gateway.simulatorUrl}/__sim/books`)).json());
  assert(isDeepStrictEqual(sumOf(records), books.totals.usage), "usage equals the provider's books");
  const cost = records.reduce((sum, record) => sum + BigInt(record.cost_nanodollars ?? 0), 0n);
  // The client has a price list of its own; it counts in floating-point dollars.
  const told = BigInt(Math.round(answer.total_cost_usd * 1e9));
  console.log(`cost by the gateway ${cost} nanodollars, by claude itself ${told}`);
  assert(cost === told, 'cost equals what the client reckons');
}

function sumOf(records: readonly RecordRow[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const record of records) {
    for (const [kind, tokens] of Object.entries(record.usage ?? {})) sum[kind] = (sum[kind] ?? 0) + tokens;
  }
  return sum;
}

function figures(record: RecordRow): string {
  const { id, agent, client_version, model, status, state, stream, session_id, usage, cost_nanodollars } = record;
  const { request_bytes, response_bytes, stop_reason } = record;
  return JSON.stringify(
    {
      id,
      agent,
      client_version,
      model,
      status,
      state,
      stream,
      session_id,
      stop_reason,
      request_bytes,
      response_bytes,
      usage,
      cost_nanodollars,
    },
    null,
    2,
  );
}
