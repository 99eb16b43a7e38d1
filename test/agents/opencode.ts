import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import { ask, checkBooks, checkRecords, events, newRecords, tryAgent } from './agent.ts';
import type { Package, Stage } from './agent.ts';

/** opencode from npm, with each kind of provider that it can point at a gateway. See README.md beside this file. */
const OPENCODE: Package = {
  name: 'opencode-ai',
  version: '1.18.33',
  program: `opencode-${process.platform}-${process.arch}/bin/opencode`,
};

/** Dollars a million: gpt-5-mini 0.25 and 2, gpt-5.4-nano 0.20 and 1.25, claude-haiku-4-5 1 and 5. */
const RATES = {
  'gpt-5-mini': { input: 250, output: 2000 },
  'gpt-5.4-nano': { input: 200, output: 1250 },
  'claude-haiku-4-5': { input: 1000, output: 5000 },
  'claude-haiku-4-5-20251001': { input: 1000, output: 5000 },
};

function configFor(url: string): unknown {
  const options = { baseURL: `${url}/v1`, apiKey: '-' };
  return {
    autoupdate: false,
    provider: {
      openai: { options },
      anthropic: { options },
      aperture: { npm: '@ai-sdk/openai-compatible', options, models: { 'gpt-5-mini': {} } },
    },
  };
}

/** What `opencode run --format json` prints, as far as it matters here. */
const Event = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), sessionID: z.string(), part: z.looseObject({ text: z.string() }) }),
  z.looseObject({ type: z.literal('tool_use'), sessionID: z.string(), part: z.looseObject({ tool: z.string() }) }),
  z.looseObject({
    type: z.literal('step_finish'),
    sessionID: z.string(),
    part: z.looseObject({ cost: z.number(), tokens: z.looseObject({ input: z.int(), output: z.int() }) }),
  }),
]);

interface Turn {
  model: string;
  prompt: string;
  path: string;
  /** With the one that makes the session's title. */
  requests: number;
  tools: string[];
}

const TURNS: Turn[] = [
  { model: 'aperture/gpt-5-mini', prompt: 'say OK', path: '/v1/chat/completions', requests: 2, tools: [] },
  {
    model: 'aperture/gpt-5-mini',
    prompt: 'use the tool glob',
    path: '/v1/chat/completions',
    requests: 3,
    tools: ['glob'],
  },
  { model: 'openai/gpt-5-mini', prompt: 'say OK', path: '/v1/responses', requests: 2, tools: [] },
  { model: 'anthropic/claude-haiku-4-5', prompt: 'say OK', path: '/v1/messages', requests: 2, tools: [] },
];

await tryAgent(OPENCODE, async (stage) => {
  writeFileSync(join(stage.work, 'opencode.json'), JSON.stringify(configFor(stage.gateway.url)));
  let seen = 0;
  for (const turn of TURNS) {
    console.log(`${turn.model}: ${turn.prompt}`);
    await play(stage, turn, seen);
    seen += turn.requests;
  }
  await checkBooks(stage.gateway);
});

async function play(stage: Stage, turn: Turn, seen: number): Promise<void> {
  const args = ['run', '--format', 'json', '-m', turn.model, turn.prompt];
  const { output, tookMs } = await ask(stage, stage.program, args, {
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_AUTOUPDATE: '1',
  });
  const said = events(output, Event);
  const text = said.flatMap((event) => (event.type === 'text' ? [event.part.text] : [])).join('');
  const called = said.flatMap((event) => (event.type === 'tool_use' ? [event.part.tool] : []));
  console.log(`opencode said ${JSON.stringify(text)} after ${Math.round(tookMs)} ms`);
  assert(turn.prompt === 'say OK' ? text === 'OK' : text !== '', 'the answer comes through');
  assert(called.join() === turn.tools.join(), 'opencode called the tool');

  const records = await newRecords(stage.gateway, seen, turn.requests);
  const session = said[0]?.sessionID;
  assert(session !== undefined, 'opencode names its session');
  checkRecords(records, { agent: 'opencode', version: OPENCODE.version, session }, RATES);
  assert(
    records.every(({ path }) => path === turn.path),
    `all requests go to ${turn.path}`,
  );
  const tools = records.flatMap(({ tool_calls }) => tool_calls.map(({ name }) => name));
  assert(tools.join() === turn.tools.join(), `the records have the tool calls, not ${tools.join()}`);
}
