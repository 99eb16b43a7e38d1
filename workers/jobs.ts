import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../src/lib/clock.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { stepBack } from '../src/lib/thread-priority.ts';
import type { ToJobs } from '../src/records/messages.ts';
import { runJobs } from './run-jobs.ts';
import { JobsData } from './thread-data.ts';

/** Root of the jobs thread. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('jobs');
stepBack();
const data = JobsData.parse(workerData);
const jobs = runJobs({
  data,
  clock: systemClock,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'jobs'),
  post: (message) => {
    port.postMessage(message);
  },
});
port.on('message', (message: ToJobs) => {
  jobs.take(message);
});
