import type { EgressAnswer, EgressFault } from '../contract/egress.ts';
import { egressFaultText } from '../contract/egress.ts';
import type { Result } from '../lib/result.ts';

/** How one attempt to deliver ended. Errors hold nothing secret: of an answer, only its status is told. */
export type Outcome =
  | { kind: 'delivered' }
  /** The receiver says that it is this delivery that is bad: others may be taken. */
  | { kind: 'rejected'; error: string }
  /** The receiver is away, busy, or not set up: others would fare the same. `retryAfterMs`: what it asks for. */
  | { kind: 'failed'; error: string; retryAfterMs: number | undefined };

/** Bad request, too large, of the wrong type, not to be processed: about what was sent, and not about who sends. */
const REJECTS = [400, 413, 415, 422];

export function outcomeOf(result: Result<EgressAnswer, EgressFault>, nowMs: number): Outcome {
  if (!result.ok) return { kind: 'failed', error: egressFaultText(result.fault), retryAfterMs: undefined };
  const { status, headers } = result.value;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const error = `the receiver answered ${status}`;
  if (REJECTS.includes(status)) return { kind: 'rejected', error };
  if (status < 400) return { kind: 'failed', error: `${error}: redirects are not followed`, retryAfterMs: undefined };
  return { kind: 'failed', error, retryAfterMs: retryAfterOf(headers, nowMs) };
}

/** Seconds, or a date (RFC 9110, section 10.2.3); undefined where there is none, or it makes no sense. */
function retryAfterOf(headers: EgressAnswer['headers'], nowMs: number): number | undefined {
  const value = headers.find(([name]) => name === 'retry-after')?.[1].trim();
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

export interface Backoff {
  fromMs: number;
  toMs: number;
  /** From 0 to below 1. */
  random: () => number;
}

/** The pause after so many failures in a row: twice as long each time, and of several senders no two at once. */
export function pauseMs({ fromMs, toMs, random }: Backoff, failures: number): number {
  const whole = Math.min(toMs, fromMs * 2 ** Math.min(failures - 1, 30));
  return whole * (0.5 + random() / 2);
}
