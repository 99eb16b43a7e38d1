import { setFlagsFromString } from 'node:v8';

/**
 * How much a heap may grow, in percent of what is alive in it, before all of that is marked again. By itself V8 lets heaps
 * of our size (10 to 30 MB alive in each thread) grow by half or so: marking then took a sixth of the process's CPU. Each
 * thread's garbage is at most this much larger (docs/decisions/2026-11-25-performance.md).
 */
const GROWTH_PERCENT = 200;

/** For all threads of the process, from now on. */
export function letHeapsGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
