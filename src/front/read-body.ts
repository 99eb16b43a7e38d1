import type { Fault } from '../contract/fault.ts';
import { joined } from '../lib/joined.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { ExchangeServices } from '../proxy/exchange.ts';
import type { Watched } from '../proxy/watchdog.ts';
import type { ClientRequest, ClientResponse } from './socket.ts';

export interface BodyLimits {
  body_bytes: number;
  body_timeout_ms: number;
}

/**
 * The request's body, whole, in memory that is ours. Its bytes are taken from the budget; the caller gives them back
 * when the exchange has ended. Nothing is taken when it fails.
 */
export function readBody(
  request: ClientRequest,
  response: ClientResponse,
  limits: BodyLimits,
  { budget, clock, watchdog }: Pick<ExchangeServices, 'budget' | 'clock' | 'watchdog'>,
): Promise<Result<Uint8Array<ArrayBuffer>, Fault>> {
  const tooLarge: Fault = { code: 'body_too_large', limitBytes: limits.body_bytes, decoded: false };
  const declared = Number(request.header('content-length') ?? '0');
  if (declared > limits.body_bytes) return Promise.resolve(failed(tooLarge));
  if (!budget.admits(declared)) {
    return Promise.resolve(failed({ code: 'overloaded', what: 'bytes in flight', limit: budget.limitBytes }));
  }
  return new Promise((resolve) => {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    let settled = false;
    const dueAtMs = clock.nowMs() + limits.body_timeout_ms;
    const watched: Watched = {
      checkDeadlines: (nowMs) => {
        if (nowMs > dueAtMs) settle(failed({ code: 'body_timeout', afterMs: limits.body_timeout_ms }));
      },
    };
    watchdog.add(watched);
    const settle = (result: Result<Uint8Array<ArrayBuffer>, Fault>): void => {
      if (settled) return;
      settled = true;
      watchdog.remove(watched);
      if (!result.ok) budget.give(bytes);
      resolve(result);
    };
    response.onGone(() => {
      settle(failed({ code: 'client_gone' }));
    });
    response.onData((chunk, last) => {
      if (settled) return;
      bytes += chunk.byteLength;
      budget.take(chunk.byteLength);
      if (bytes > limits.body_bytes) {
        settle(failed(tooLarge));
        return;
      }
      if (chunk.byteLength > 0) chunks.push(chunk);
      if (last) settle(ok(wholeOf(chunks)));
      else if (budget.usedBytes > budget.limitBytes) {
        budget.refused += 1;
        settle(failed({ code: 'overloaded', what: 'bytes in flight', limit: budget.limitBytes }));
      }
    });
    if (response.gone) settle(failed({ code: 'client_gone' }));
  });
}

function wholeOf(chunks: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : joined(chunks);
}
