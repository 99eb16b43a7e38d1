import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';
import { createProcessorWait } from './processor-wait.ts';

/**
 * When what this turn of the event loop handles was there, in milliseconds of the clock: what a callback is told of may have
 * waited for this thread to get a processor, and then behind what else the turn found. That is earlier than the callback can look
 * at any clock, by 50 to 500 µs. The same for all that is asked in one turn; a call takes less than a microsecond.
 */
export type Arrival = () => number;

/** Of turns that follow one another as closely, the mean of their waits will do: to ask for each takes a microsecond of each. */
const WAITS_ALIKE_MS = 1;

/**
 * For the thread that calls it, which alone may ask. The loop slept since the end of the turn before, for as long as
 * `performance.nodeTiming.idleTime` grew (libuv's own measure), then waited for a processor, and then went on: so what came is as
 * old as that. What came while the turn before was still going on counts from that turn's end, or from where its timers began.
 */
export function createArrival(clock: Clock): Arrival {
  const processorWait = createProcessorWait();
  let forgottenAtMs = 0;
  let turnEndedAtMs = 0;
  let idleMs = 0;
  let arrivedAtMs: number | undefined;
  const turnEnds = (): void => {
    const nowMs = clock.nowMs();
    if (nowMs - forgottenAtMs > WAITS_ALIKE_MS) {
      // What this thread waited for a processor before is no part of the next turn.
      processorWait();
      forgottenAtMs = nowMs;
    }
    idleMs = performance.nodeTiming.idleTime;
    arrivedAtMs = undefined;
    turnEndedAtMs = clock.nowMs();
  };
  // Behind the sockets, in every turn, and first of all that is due there; without a reference it keeps no loop awake.
  const eachTurn = (): void => {
    turnEnds();
    setImmediate(eachTurn).unref();
  };
  eachTurn();
  // Of a turn in which something came, what is due behind the sockets is work too: this is the last of it.
  const atTheEnd = (): void => {
    setImmediate(turnEnds).unref();
  };
  return () => {
    if (arrivedAtMs === undefined) {
      process.nextTick(atTheEnd);
      arrivedAtMs = turnEndedAtMs + performance.nodeTiming.idleTime - idleMs - processorWait();
    }
    return arrivedAtMs;
  };
}
