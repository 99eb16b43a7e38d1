import { rawPost } from './load/client.ts';
import { NUMBER_MARK } from './load/numbered.ts';
import type { Target } from './targets.ts';

export interface Chat {
  /** Bytes of the only message. */
  promptBytes: number;
  /** What the simulator is to do (docs/simulator.md). */
  sim: string;
  stream?: boolean;
  /** English and code in the place of one letter again and again. */
  prose?: boolean;
}

/** What prompts are made of: words, numbers, paths and code, and nothing that a rule looks for. */
const PROSE =
  'Please look at the function below, which was added in release 2.14.3 on 2026-03-14 and is called about 1,200 times a minute. ' +
  'It reads rows from /var/lib/app/data.db and sums the third column; order 100-4482 came out as 17.50 instead of 71.05.\n' +
  'const total = rows.filter((row) => row.state !== "done").reduce((sum, { amount }) => sum + Number(amount), 0); // 0x1f4a\n' +
  'Why does it round at all, and should the test at line 318 of sums.test.ts not have seen it? Keep the style as it is.\n';

/**
 * A chat completion as a client sends it to this target; the generator gives each a number. Streams ask for usage, so
 * that none is asked for on their behalf.
 */
export function chatRequest(target: Target, { promptBytes, sim, stream = false, prose = false }: Chat): Uint8Array {
  const body = {
    model: 'gpt-5-mini',
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: NUMBER_MARK.padEnd(promptBytes, prose ? PROSE : 'x') }],
  };
  return rawPost('/v1/chat/completions', JSON.stringify(body), { 'x-sim': sim, ...target.headers });
}
