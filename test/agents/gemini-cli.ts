import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import { ask, checkBooks, checkRecords, newRecords, sumOf, tryAgent } from './agent.ts';
import type { Package, Stage } from './agent.ts';

/** Gemini CLI from npm, pointed at the gateway by its base URL. See README.md beside this file. */
const GEMINI_CLI: Package = {
  name: '@google/gemini-cli',
  version: '0.61.0',
  program: '@google/gemini-cli/bundle/gemini.js',
};

/** Dollars a million: gemini-2.5-flash and gemini-3.5-flash-lite 0.30 and 2.50, gemini-3.8-flash 0.75 and 3.75. */
const RATES = {
  'gemini-2.5-flash': { input: 300, output: 2500 },
  'gemini-3.5-flash-lite': { input: 300, output: 2500 },
  'gemini-3.8-flash': { input: 750, output: 3750 },
};

/** Without it a CLI that nobody is in front of refuses the base URL: it takes that for another way to log in. */
const SETTINGS = { security: { auth: { selectedType: 'gemini-api-key' } }, privacy: { usageStatisticsEnabled: false } };

/** What `gemini -o json` prints, as far as it matters here. */
const Answer = z.looseObject({
  response: z.string(),
  stats: z.looseObject({
    models: z.record(z.string(), z.looseObject({ tokens: z.looseObject({ prompt: z.int(), candidates: z.int() }) })),
    tools: z.looseObject({ byName: z.record(z.string(), z.unknown()) }),
  }),
});

interface Turn {
  args: string[];
  prompt: string;
  requests: number;
  tools: string[];
}

const TURNS: Record<string, Turn> = {
  // It first asks a small model how hard the prompt is.
  'the model that it chooses': { args: [], prompt: 'say OK', requests: 2, tools: [] },
  'a named model': { args: ['-m', 'gemini-2.5-flash'], prompt: 'say OK', requests: 1, tools: [] },
  'a tool call': {
    args: ['-m', 'gemini-2.5-flash'],
    prompt: 'use the tool list_directory',
    requests: 2,
    tools: ['list_directory'],
  },
};

await tryAgent(GEMINI_CLI, async (stage) => {
  mkdirSync(join(stage.home, '.gemini'));
  writeFileSync(join(stage.home, '.gemini', 'settings.json'), JSON.stringify(SETTINGS));
  let seen = 0;
  for (const [name, turn] of Object.entries(TURNS)) {
    console.log(name);
    await play(stage, turn, seen);
    seen += turn.requests;
  }
  await checkBooks(stage.gateway);
});

async function play(stage: Stage, turn: Turn, seen: number): Promise<void> {
  const { gateway, program } = stage;
  const args = [program, '--skip-trust', ...turn.args, '-p', turn.prompt, '-o', 'json'];
  const { output, tookMs } = await ask(stage, process.execPath, args, {
    GOOGLE_GEMINI_BASE_URL: gateway.url,
    GEMINI_API_KEY: '-',
  });
  const { response, stats } = Answer.parse(JSON.parse(output));
  console.log(`gemini said ${JSON.stringify(response)} after ${Math.round(tookMs)} ms`);
  assert(turn.prompt === 'say OK' ? response === 'OK' : response !== '', 'the answer comes through');
  assert(Object.keys(stats.tools.byName).join() === turn.tools.join(), 'gemini called the tool');

  const records = await newRecords(gateway, seen, turn.requests);
  const { version } = GEMINI_CLI;
  // It sends no session of its own.
  checkRecords(records, { agent: 'gemini-cli', version, session: undefined }, RATES);
  const tools = records.flatMap(({ tool_calls }) => tool_calls.map(({ name }) => name));
  assert(tools.join() === turn.tools.join(), `the records have the tool calls, not ${tools.join()}`);
  const told = Object.values(stats.models);
  const input = told.reduce((sum, { tokens }) => sum + tokens.prompt, 0);
  const answered = told.reduce((sum, { tokens }) => sum + tokens.candidates, 0);
  const sum = sumOf(records);
  assert(sum.input === input && sum.output === answered, 'usage equals what gemini reckons');
}
