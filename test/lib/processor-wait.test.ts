import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createProcessorWait } from '../../src/lib/processor-wait.ts';

/** Of this thread, so far: nanoseconds that it waited, and how often it was given a processor. */
function told(): { waitedNs: number; times: number } {
  const [, waitedNs, times] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ').map(Number);
  return { waitedNs: waitedNs ?? Number.NaN, times: times ?? Number.NaN };
}

/** It is Linux that tells. */
const onLinux = test.runIf(process.platform === 'linux');

onLinux(
  'on a machine where more want a processor than there are, the mean of the waits since it was last asked',
  async () => {
    const rivals = Array.from({ length: 2 * availableParallelism() }, () =>
      spawn(process.execPath, ['-e', 'const end = Date.now() + 20_000; while (Date.now() < end);']),
    );
    try {
      const wait = createProcessorWait();
      const outer = told();
      wait();
      const inner = told();
      let times = 0;
      for (; times < 200 && told().waitedNs - inner.waitedNs < 20e6; times++) await sleep(2);
      const innerEnd = told();
      const meanMs = wait();
      const outerEnd = told();
      expect(innerEnd.waitedNs - inner.waitedNs, 'it had to wait').toBeGreaterThan(0);
      // Asked between both readings at both ends.
      const least = (innerEnd.waitedNs - inner.waitedNs) / (outerEnd.times - outer.times) / 1e6;
      const most = (outerEnd.waitedNs - outer.waitedNs) / (innerEnd.times - inner.times) / 1e6;
      expect(meanMs).toBeGreaterThanOrEqual(least * 0.999);
      expect(meanMs).toBeLessThanOrEqual(most * 1.001);
    } finally {
      for (const rival of rivals) rival.kill('SIGKILL');
    }
  },
);

onLinux('who was not set aside in between did not wait', () => {
  const wait = createProcessorWait();
  for (let tries = 0; tries < 100; tries++) {
    const before = told().times;
    wait();
    const waitedMs = wait();
    if (told().times !== before) continue;
    expect(waitedMs).toBe(0);
    return;
  }
  throw new Error('this thread is set aside all the time');
});
