/** What `work` takes on the machine whose figures the tests quote, with nothing else to do. */
const USUAL_MS = 14;
const RUNS = 7;

const DOCUMENT = JSON.stringify(
  Array.from({ length: 2_000 }, (_, id) => ({ id, name: `name ${id}`, tags: ['a', 'b', String(id)] })),
);

/**
 * How many times slower this machine is now than the one whose figures the tests quote, and at least 1: another machine,
 * its neighbours, and the tests beside this one. A bound in milliseconds is multiplied by it.
 */
export function slowness(): number {
  const runs = Array.from({ length: RUNS }, () => {
    const beganMs = performance.now();
    work();
    return performance.now() - beganMs;
  }).sort((a, b) => a - b);
  return Math.max(1, (runs[Math.floor(RUNS / 2)] ?? USUAL_MS) / USUAL_MS);
}

function work(): void {
  for (let i = 0; i < 10; i++) JSON.stringify(JSON.parse(DOCUMENT));
}

const LOOK_MS = 10;
/** What the scheduler takes from a busy process at a time; what is beyond it is a machine that stood still. */
const STALL_MS = 100;

export interface Stopwatch {
  /** Milliseconds that this process was awake since the beginning. */
  ms(): number;
  stop(): void;
}

/**
 * Times waits by what this process itself lived of them: where the machine stands still for seconds, as CI's does, so
 * does the watch. No watch for work that keeps this process's own loop busy: it would pass for a stall.
 */
export function stopwatch(): Stopwatch {
  let livedMs = 0;
  let lookedAtMs = performance.now();
  const look = (): void => {
    const nowMs = performance.now();
    livedMs += Math.min(nowMs - lookedAtMs, STALL_MS);
    lookedAtMs = nowMs;
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    ms: () => {
      look();
      return livedMs;
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}
