import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import { ask, checkBooks, checkRecords, newRecords, sumOf, tryAgent } from './agent.ts';
import type { Package } from './agent.ts';

/**
 * Claude Code from npm, as a user has it who changed nothing but the base URL: does it answer through the gateway, and is
 * it in the books? See README.md beside this file.
 */
const CLAUDE_CODE: Package = {
  name: '@anthropic-ai/claude-code',
  version: '2.1.330',
  program: `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`,
};

/** claude-opus-5-5 costs $4 and $20 a million. */
const RATES = { 'claude-opus-5-5': { input: 4000, output: 20_000 } };

/** What `claude -p --output-format json` prints, as far as it matters here. */
const Answer = z.looseObject({
  is_error: z.boolean(),
  result: z.string(),
  session_id: z.string(),
  total_cost_usd: z.number(),
});

await tryAgent(CLAUDE_CODE, async (stage) => {
  const { gateway, program } = stage;
  const { output, tookMs } = await ask(stage, program, ['-p', 'say OK', '--output-format', 'json'], {
    ANTHROPIC_BASE_URL: gateway.url,
    ANTHROPIC_API_KEY: 'the-gateway-has-the-keys',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
  });
  const answer = Answer.parse(JSON.parse(output));
  console.log(`claude said ${JSON.stringify(answer.result)} after ${Math.round(tookMs)} ms`);
  assert(!answer.is_error && answer.result === 'OK', 'claude must answer OK');
  const records = await newRecords(gateway, 0, 1);
  const { version } = CLAUDE_CODE;
  checkRecords(records, { agent: 'claude-code', version, session: answer.session_id }, RATES);
  await checkBooks(gateway);
  // The client has a price list of its own; it counts in floating-point dollars.
  const told = BigInt(Math.round(answer.total_cost_usd * 1e9));
  console.log(`cost by the gateway ${sumOf(records).nanodollars} nanodollars, by claude itself ${told}`);
  assert(sumOf(records).nanodollars === told, 'cost equals what the client reckons');
});
