import { request } from 'undici';
import type { AskTokenServer } from '../keys/access-tokens.ts';
import { failed, ok } from '../lib/result.ts';

/** Google answers within a second. Requests wait for it. */
const WITHIN_MS = 10_000;

/** A token has a few kilobytes at most. */
const ANSWER_BYTES = 64 * 1024;

/** Asks a token server, and nobody to whom it would lead on: what is signed is for it alone. */
export const askTokenServer: AskTokenServer = async (url, form) => {
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: form,
      signal: AbortSignal.timeout(WITHIN_MS),
    });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body) {
      const part: unknown = chunk;
      if (!(part instanceof Uint8Array)) continue;
      bytes += part.length;
      if (bytes > ANSWER_BYTES) {
        answer.body.destroy();
        return failed('an answer that is too long');
      }
      chunks.push(part);
    }
    return ok({ status: answer.statusCode, body: Buffer.concat(chunks).toString('utf8') });
  } catch (error) {
    return failed(wordFor(error));
  }
};

/** No more than its code: a message may hold what was sent. */
function wordFor(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return `no answer within ${WITHIN_MS / 1000} seconds`;
  return 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
}
