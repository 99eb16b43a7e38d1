import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import { ask, checkBooks, checkRecords, events, newRecords, sumOf, tryAgent } from './agent.ts';
import type { Package, Stage } from './agent.ts';
import { startRelay } from './relay.ts';
import type { Relay } from './relay.ts';

/**
 * Codex from npm with a provider of its own for the gateway, and with its built-in one pointed at it. Both speak over a
 * WebSocket, and a relay before the gateway shows that nothing fell back to POST. See README.md beside this file.
 */
const TARGET: Record<string, string> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
};
const PLATFORM = `${process.platform}-${process.arch}`;
const CODEX: Package = {
  name: '@openai/codex',
  version: '0.169.0',
  program: `@openai/codex-${PLATFORM}/vendor/${TARGET[PLATFORM] ?? PLATFORM}/bin/codex`,
};

/** gpt-5-codex costs $1.25 and $10 a million. */
const RATES = { 'gpt-5-codex': { input: 1250, output: 10_000 } };

function ownProvider(url: string): string {
  return `model = "gpt-5-codex"
model_provider = "aperture"

[model_providers.aperture]
name = "Aperture"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "APERTURE_KEY"
supports_websockets = true
`;
}

function builtInProvider(url: string): string {
  return `model = "gpt-5-codex"
openai_base_url = "${url}/v1"
`;
}

/** What `codex exec --json` prints, as far as it matters here. */
const Event = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('thread.started'), thread_id: z.string() }),
  z.looseObject({
    type: z.literal('item.completed'),
    item: z.looseObject({ type: z.string(), text: z.string().optional() }),
  }),
  z.looseObject({
    type: z.literal('turn.completed'),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int() }),
  }),
]);

interface Turn {
  config: (url: string) => string;
  prompt: string;
  /** The first of them reads the prompt ahead (`generate: false`). */
  requests: number;
  tools: string[];
  /** What it must have done besides thinking: its own words for items. */
  items: string[];
}

const TURNS: Record<string, Turn> = {
  'a provider of its own': {
    config: ownProvider,
    prompt: 'say OK',
    requests: 2,
    tools: [],
    items: ['agent_message'],
  },
  'the same with a tool call': {
    config: ownProvider,
    prompt: 'use the tool',
    requests: 3,
    tools: ['exec_command'],
    items: ['command_execution', 'agent_message'],
  },
  'the built-in provider': {
    config: builtInProvider,
    prompt: 'say OK',
    requests: 2,
    tools: [],
    items: ['agent_message'],
  },
};

await tryAgent(CODEX, async (stage) => {
  let seen = 0;
  for (const [name, turn] of Object.entries(TURNS)) {
    console.log(name);
    await play(stage, turn, seen);
    seen += turn.requests;
  }
  await checkBooks(stage.gateway);
});

async function play(stage: Stage, turn: Turn, seen: number): Promise<void> {
  const relay = await startRelay(stage.gateway.url);
  try {
    const home = join(stage.home, '.codex');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'config.toml'), turn.config(relay.url));
    const { output, tookMs } = await ask(
      stage,
      stage.program,
      ['exec', '--json', '--skip-git-repo-check', turn.prompt],
      { CODEX_HOME: home, APERTURE_KEY: '-', CODEX_API_KEY: '-' },
    );
    console.log(`codex ended after ${Math.round(tookMs)} ms`);
    checkSocket(relay);
    await check(stage, turn, seen, output);
  } finally {
    relay.close();
  }
}

/** All of it went over a WebSocket: nothing was posted. */
function checkSocket(relay: Relay): void {
  const passed = relay.passed.map(({ what }) => what).filter((what) => what.endsWith('/v1/responses'));
  console.log(`passed: ${passed.join(', ')}`);
  assert(passed.includes('GET /v1/responses'), 'a WebSocket is opened');
  assert(!passed.includes('POST /v1/responses'), 'nothing falls back to POST');
}

async function check({ gateway }: Stage, turn: Turn, seen: number, output: string): Promise<void> {
  const said = events(output, Event);
  const thread = said.find((event) => event.type === 'thread.started')?.thread_id;
  const usage = said.find((event) => event.type === 'turn.completed')?.usage;
  const items = said.flatMap((event) => (event.type === 'item.completed' ? [event.item] : []));
  const done = items.map(({ type }) => type).filter((type) => type !== 'error');
  assert(done.join() === turn.items.join(), `codex did ${done.join()}`);
  const answer = items.at(-1)?.text ?? '';
  console.log(`codex said ${JSON.stringify(answer)}`);
  assert(turn.prompt === 'say OK' ? answer === 'OK' : answer !== '', 'the answer comes through');
  const records = await newRecords(gateway, seen, turn.requests);
  assert(thread !== undefined && usage !== undefined, 'codex names its thread and its usage');
  checkRecords(records, { agent: 'codex', version: CODEX.version, session: thread }, RATES);
  const tools = records.flatMap(({ tool_calls }) => tool_calls.map(({ name }) => name));
  assert(tools.join() === turn.tools.join(), `the records have the tool calls, not ${tools.join()}`);
  const sum = sumOf(records);
  assert(sum.input === usage.input_tokens && sum.output === usage.output_tokens, 'usage equals what codex reckons');
}
