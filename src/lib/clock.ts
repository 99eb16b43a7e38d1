/**
 * The only place that reads time. `performance.timeOrigin` differs between threads, so all threads use the epoch:
 * one zero for everybody. Tests hand in their own.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, with fractions of microseconds; monotone within a process. */
  nowMs(): number;
}

const originMs = performance.timeOrigin;

export const systemClock: Clock = {
  nowMs: () => originMs + performance.now(),
};
