import type { ApiAnswer } from '../src/dashboard/asked.ts';
import type { Answer } from '../src/serve/ask-thread.ts';

const encoder = new TextEncoder();

/** What a thread says to whoever asked: the body in memory of its own, to be given away. */
export function answerTo(ask: number, { status, headers, body }: ApiAnswer): Answer {
  return {
    kind: 'answer',
    ask,
    status,
    headers,
    body: typeof body === 'string' ? encoder.encode(body) : new Uint8Array(body),
  };
}
