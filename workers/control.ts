import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../src/lib/clock.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import type { ToControl } from '../src/serve/control-messages.ts';
import { macroVariables } from '../config/environment.ts';
import { runControl } from './run-control.ts';
import { ControlData } from './thread-data.ts';

/** Root of the thread that keeps control state. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('control');
const data = ControlData.parse(workerData);
const control = runControl({
  data,
  env: macroVariables(process.env),
  clock: systemClock,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'control'),
  post: (message) => {
    port.postMessage(message, message.kind === 'answer' ? [message.body.buffer] : []);
  },
});
port.on('message', (message: ToControl) => {
  control.take(message);
});
