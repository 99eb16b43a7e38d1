import { setTimeout as sleep } from 'node:timers/promises';
import { stopwatch } from './machine.ts';

const LOOK_AGAIN_MS = { soonest: 10, latest: 200, latestAfterDearLook: 1_000 };
/** The next look comes after this part of what was waited already: looks are no load on whoever is waited for. */
const PART = 0.1;
/** And after so many times what the last one took: a list of hundreds of records costs a tenth of a second each time. */
const LOOK_TIMES = 4;

/**
 * Waits until the condition holds and returns what it gave; fails after the deadline, saying what it waited for. A
 * machine that stands still does not come nearer to the deadline.
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const waited = stopwatch();
  try {
    for (;;) {
      const lookedAtMs = performance.now();
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      if (waited.ms() > withinMs) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
      await sleep(pauseMs(waited.ms(), performance.now() - lookedAtMs));
    }
  } finally {
    waited.stop();
  }
}

function pauseMs(waitedMs: number, lookMs: number): number {
  const { soonest, latest, latestAfterDearLook } = LOOK_AGAIN_MS;
  const usual = Math.min(Math.max(waitedMs * PART, soonest), latest);
  return Math.max(usual, Math.min(lookMs * LOOK_TIMES, latestAfterDearLook));
}
