import { parentPort, workerData } from 'node:worker_threads';
import type { ToCapture } from '../src/capture/messages.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { stepBack } from '../src/lib/thread-priority.ts';
import { runCapture } from './run-capture.ts';
import { CaptureData } from './thread-data.ts';

/** Root of the capture thread. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('capture');
stepBack();
const data = CaptureData.parse(workerData);
const worker = runCapture({
  data,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'capture'),
  post: (message) => {
    port.postMessage(message);
  },
});
port.on('message', (message: ToCapture) => {
  worker.take(message);
});
