import { Worker } from 'node:worker_threads';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';

/** The built-in simulator on a thread of its own. */
export class SimulatorThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Resolves once it listens; a port that is taken is said, and not fatal: another simulator may serve there. */
  static async start(file: string, port: number, log: Log): Promise<SimulatorThread> {
    const worker = new Worker(file, { workerData: { host: '127.0.0.1', port } });
    await new Promise<void>((resolve) => {
      worker.once('message', () => {
        resolve();
      });
      worker.on('error', (error) => {
        log.warn({ error: errorChain(error) }, 'the built-in simulator is not running');
        resolve();
      });
    });
    worker.unref();
    return new SimulatorThread(worker);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
