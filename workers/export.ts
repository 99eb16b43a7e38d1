import { parentPort, workerData } from 'node:worker_threads';
import type { ToExport } from '../src/export/messages.ts';
import { systemClock } from '../src/lib/clock.ts';
import { createLog } from '../src/lib/create-log.ts';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { stepBack } from '../src/lib/thread-priority.ts';
import { runExport } from './run-export.ts';
import { ExportData } from './thread-data.ts';

/** Root of the thread that exports records to a bucket. */
const port = parentPort;
assert(port !== null, 'this file is the root of a thread');
nameThread('export');
stepBack();
const data = ExportData.parse(workerData);
const exporter = runExport({
  database: data.database,
  settings: data.settings,
  clock: systemClock,
  log: createLog(data.logLevel === 'fatal' ? 'error' : data.logLevel, 'export'),
  post: (message) => {
    port.postMessage(message);
  },
});
port.on('message', (message: ToExport) => {
  exporter.take(message);
});
