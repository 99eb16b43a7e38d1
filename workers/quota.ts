import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../src/lib/clock.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import type { QuotaQuestion, ToQuota } from '../src/quota/messages.ts';
import type { Ask } from '../src/serve/ask-thread.ts';
import { runQuota } from './run-quota.ts';
import { QuotaData } from './thread-data.ts';

/** Root of the thread that talks to the store of quotas. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('quota');
const data = QuotaData.parse(workerData);
const quota = runQuota({
  data,
  clock: systemClock,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'quota'),
  post: (message) => {
    port.postMessage(message, message.kind === 'answer' ? [message.body.buffer] : []);
  },
});
port.on('message', (message: ToQuota | Ask<QuotaQuestion>) => {
  quota.take(message);
});
