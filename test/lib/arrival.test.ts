import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createArrival } from '../../src/lib/arrival.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** Another thread says when it spoke: `performance.now()` of each has a zero of its own, the epoch is one. */
const SPEAKER = `
  const { parentPort } = require('node:worker_threads');
  const nowMs = () => performance.timeOrigin + performance.now();
  parentPort.on('message', (delays) => {
    for (const delay of delays) setTimeout(() => parentPort.postMessage(nowMs()), delay);
  });
`;

let speaker: Worker;
beforeAll(() => {
  speaker = new Worker(SPEAKER, { eval: true });
});
afterAll(() => speaker.terminate());

function spin(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test('what is looked at late in a turn came when the turn found it', async () => {
  const arrivedAtMs = createArrival(systemClock);
  const offMs: number[] = [];
  for (let i = 0; i < 20; i++) {
    speaker.postMessage([5]);
    const spokenAtMs = await new Promise<number>((resolve) => {
      speaker.once('message', (at: number) => {
        spin(20);
        offMs.push(arrivedAtMs() - at);
        resolve(at);
      });
    });
    expect(systemClock.nowMs() - spokenAtMs).toBeGreaterThanOrEqual(20);
    await sleep(5);
  }
  // Of a busy machine a few are off, by whatever else it did.
  const median = offMs.toSorted((one, other) => one - other)[10] ?? Number.NaN;
  expect(median).toBeGreaterThan(-5);
  expect(median).toBeLessThan(5);
});

test('what came while the turn before went on counts from its end, and all of one turn is as old', async () => {
  const arrivedAtMs = createArrival(systemClock);
  const toldMs: number[] = [];
  let endedAtMs = Infinity;
  await new Promise<void>((resolve) => {
    speaker.on('message', () => {
      toldMs.push(arrivedAtMs());
      if (toldMs.length === 3) resolve();
      if (toldMs.length > 1) spin(10);
      // Work of the same turn, behind the sockets: meanwhile two more are spoken.
      else
        setImmediate(() => {
          speaker.postMessage([0, 0]);
          spin(50);
          endedAtMs = systemClock.nowMs();
        });
    });
    speaker.postMessage([5]);
  });
  speaker.removeAllListeners('message');
  expect(toldMs[2]).toBe(toldMs[1]);
  expect(toldMs[1]).toBeGreaterThan(endedAtMs - 1);
  expect(toldMs[1]).toBeLessThan(endedAtMs + 40);
});

test('it keeps no loop awake', async () => {
  createArrival(systemClock);
  const before = performance.eventLoopUtilization();
  await sleep(300);
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
});
