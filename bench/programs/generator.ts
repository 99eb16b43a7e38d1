import { applyLoad } from '../load/client.ts';
import type { LoadJob } from '../load/generator.ts';

/** The load generator as a process: applies one job after the other, and ends with its parent. */
process.on('message', (job: LoadJob) => {
  void applyLoad({ ...job, host: '127.0.0.1', request: () => job.request }).then((result) => process.send?.(result));
});
process.on('disconnect', () => {
  process.exit(0);
});
