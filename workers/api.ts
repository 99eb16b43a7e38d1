import { parentPort, workerData } from 'node:worker_threads';
import type { ToApi } from '../src/dashboard/messages.ts';
import { systemClock } from '../src/lib/clock.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { runApi } from './run-api.ts';
import { ReaderData } from './thread-data.ts';

/** Root of the thread that reads the database for the JSON API. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('api');
const data = ReaderData.parse(workerData);
const api = runApi({
  data,
  clock: systemClock,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'api'),
  post: (message) => {
    port.postMessage(message, message.kind === 'answer' ? [message.body.buffer] : []);
  },
});
port.on('message', (message: ToApi) => {
  api.take(message);
});
