import { parentPort, workerData } from 'node:worker_threads';
import type { AdminQuestion } from '../src/contract/question.ts';
import { systemClock } from '../src/lib/clock.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import type { Ask } from '../src/serve/ask-thread.ts';
import type { ToDeliveries } from '../src/sinks/messages.ts';
import { runDeliveries } from './run-deliveries.ts';
import { DeliveriesData } from './thread-data.ts';

/** Root of the thread that delivers to destinations outside. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('deliveries');
const data = DeliveriesData.parse(workerData);
const deliveries = runDeliveries({
  data,
  clock: systemClock,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'deliveries'),
  post: (message) => {
    port.postMessage(message, message.kind === 'answer' ? [message.body.buffer] : []);
  },
});
deliveries.take({ kind: 'settings', settings: data.settings });
port.on('message', (message: ToDeliveries | Ask<AdminQuestion>) => {
  deliveries.take(message);
});
