import { applyLoad } from '../load/client.ts';
import type { LoadJob } from '../load/generator.ts';
import { Numbers } from '../load/numbered.ts';

const EMPTY = new Uint8Array(0);
const numbers = new Numbers();

/** The load generator as a process: applies one job after the other, and ends with its parent. */
process.on('message', (job: LoadJob) => {
  const { request } = job;
  const numbered = (index: number): Uint8Array =>
    numbers.numbered(request instanceof Uint8Array ? request : (request[index % request.length] ?? EMPTY));
  void applyLoad({ ...job, host: '127.0.0.1', request: numbered }).then((result) => process.send?.(result));
});
process.on('disconnect', () => {
  process.exit(0);
});
