import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { assert } from '../src/lib/result.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { startSimulator } from '../src/simulator/provider.ts';

/** What the thread that starts us hands over: the plain part of `SimulatorOptions`. */
const Options = z.strictObject({
  host: z.string(),
  port: z.int().min(0).max(65535),
  fixturesDir: z.string().exactOptional(),
  tls: z.strictObject({ key: z.string(), cert: z.string() }).exactOptional(),
  expectedKey: z.string().exactOptional(),
  requireKey: z.boolean().exactOptional(),
  models: z.array(z.string()).exactOptional(),
  settings: z.string().exactOptional(),
  booksCapacity: z.int().positive().exactOptional(),
  digests: z.boolean().exactOptional(),
  idleMs: z.number().positive().exactOptional(),
});

const Order = z.strictObject({ kind: z.literal('close') });

/** Root of the simulator's thread: says `listening` once, closes on `close`, dies with its error when it cannot listen. */
assert(parentPort !== null, 'workers/simulator.ts runs as a worker thread');
const port = parentPort;
nameThread('simulator');
const simulator = await startSimulator(Options.parse(workerData));
port.postMessage({ kind: 'listening', port: simulator.port, url: simulator.url });
port.on('message', (message: unknown) => {
  Order.parse(message);
  void simulator.close().then(() => {
    port.close();
  });
});
