import type { Closed, ExchangeState } from '../contract/exchange.ts';
import type { Facts, ProviderError } from '../contract/facts.ts';
import { safeText } from './safe-text.ts';

export interface Outcome {
  state: ExchangeState;
  /** Null when it is complete. */
  error: { code: string; message: string } | null;
}

const ERROR_CHARS = 1000;
const CODE_CHARS = 128;

/**
 * How an exchange ended, from what the wire saw and what a reader found in the bytes:
 *
 * - What the front door decided (`denied`, `blocked`) stands.
 * - A response that reached its end is `complete` although the client left (SDKs hang up at the last event) or we died
 *   before we noted the end: its bytes were journaled before the client got them, so it may have seen all.
 * - A response that says it failed, by status, body or an event of its stream, is an `error`, whatever HTTP said.
 * - A stream that ended without its end, and without its last word on usage, is an `error` too: HTTP's end of a body
 *   is not the API's.
 *
 * @param status what the client got, or would have got.
 */
export function outcomeOf(closed: Closed | undefined, facts: Facts | undefined, status: number): Outcome {
  const noted = closed?.error ?? null;
  const known = noted === null ? null : safeError(noted.code, noted.message);
  const state = closed?.state ?? 'interrupted';
  if (state === 'denied' || state === 'blocked') return { state, error: known };

  const response = facts?.response;
  const said = response?.error ?? null;
  const failure = said === null ? null : errorOf(said, status);
  const reachedEnd = response !== undefined && response.complete && failure === null;
  switch (state) {
    case 'complete':
      if (failure !== null) return { state: 'error', error: failure };
      if (status >= 400) return { state: 'error', error: known ?? safeError(`http_${status}`, '') };
      if (facts !== undefined && endedShort(facts)) return { state: 'error', error: ENDED_SHORT };
      return { state, error: null };
    case 'aborted':
      return reachedEnd && status < 400 ? { state: 'complete', error: null } : { state, error: known ?? failure };
    case 'error':
      // A stream that a provider keeps open after its last event is ended by a deadline of ours: it was whole by then.
      if (reachedEnd && status < 400 && known?.code === DEADLINE) return { state: 'complete', error: null };
      return { state, error: known ?? failure ?? safeError('unknown', '') };
    case 'interrupted':
      if (failure !== null) return { state: 'error', error: failure };
      if (reachedEnd)
        return status < 400
          ? { state: 'complete', error: null }
          : { state: 'error', error: safeError(`http_${status}`, '') };
      return { state, error: known ?? INTERRUPTED };
  }
}

const DEADLINE = 'gateway_upstream_timeout';
const INTERRUPTED = { code: 'gateway_interrupted', message: 'gateway: stopped before the exchange ended' };
const ENDED_SHORT = { code: 'stream_incomplete', message: 'the stream ended before its last event' };

/** Servers leave the terminator out: a finish reason or the final usage is as good (wire-formats.md, section 11). */
function endedShort({ request, response }: Facts): boolean {
  return request.stream && !response.complete && response.stop_reason === null && response.usage_state !== 'final';
}

function errorOf(error: ProviderError, status: number): { code: string; message: string } {
  const http = error.where === 'http' && status > 0 ? `http_${status}` : error.where;
  return safeError(String(error.type ?? error.code ?? http), error.message ?? '');
}

function safeError(code: string, message: string): { code: string; message: string } {
  return { code: safeText(code, CODE_CHARS), message: safeText(message, ERROR_CHARS) };
}
