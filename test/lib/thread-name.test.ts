import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';

test.runIf(process.platform === 'linux')(
  'a thread has its name for those who look from outside, and no other has it',
  async () => {
    const before = readFileSync(`/proc/${process.pid}/comm`, 'utf8');
    const file = pathToFileURL(join(packageRoot(), 'dist', 'src', 'lib', 'thread-name.js')).href;
    const code = `
    import { readFileSync } from 'node:fs';
    import { parentPort } from 'node:worker_threads';
    import { nameThread } from ${JSON.stringify(file)};
    nameThread('deliveries');
    parentPort.postMessage(readFileSync('/proc/thread-self/comm', 'utf8'));
  `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    expect(await once(worker, 'message')).toEqual(['deliveries\n']);
    expect(readFileSync(`/proc/${process.pid}/comm`, 'utf8')).toBe(before);
    await worker.terminate();
  },
);
