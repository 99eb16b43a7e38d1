import { once } from 'node:events';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';

test('a thread that steps back leaves the others of its process where they were', async () => {
  const before = getPriority();
  const file = join(packageRoot(), 'dist', 'src', 'lib', 'thread-priority.js');
  const worker = new Worker(
    `const { stepBack } = await import(${JSON.stringify(file)});
     const { getPriority } = await import('node:os');
     const { readlinkSync } = await import('node:fs');
     const { parentPort } = await import('node:worker_threads');
     stepBack();
     parentPort.postMessage(getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1))));`,
    { eval: true },
  );
  const [priority] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  expect(priority).toBeGreaterThan(before);
  expect(getPriority()).toBe(before);
});
