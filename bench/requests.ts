import { rawPost } from './load/client.ts';
import { NUMBER_MARK } from './load/numbered.ts';
import type { Target } from './targets.ts';

export interface Chat {
  /** Bytes of the only message. */
  promptBytes: number;
  /** What the simulator is to do (docs/simulator.md). */
  sim: string;
  stream?: boolean;
}

/**
 * A chat completion as a client sends it to this target; the generator gives each a number. Streams ask for usage, so
 * that none is asked for on their behalf.
 */
export function chatRequest(target: Target, { promptBytes, sim, stream = false }: Chat): Uint8Array {
  const body = {
    model: 'gpt-5-mini',
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: NUMBER_MARK.padEnd(promptBytes, 'x') }],
  };
  return rawPost('/v1/chat/completions', JSON.stringify(body), { 'x-sim': sim, ...target.headers });
}
