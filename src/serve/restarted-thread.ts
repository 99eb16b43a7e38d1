import { Worker } from 'node:worker_threads';
import type { Transferable } from 'node:worker_threads';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';

/** Pause before a thread that died is started again. */
export const RESTART_MS = 500;

export interface RestartedThreadOptions<Told> {
  /** Built file of its root. */
  file: string;
  /** What it is started with, each time. */
  data: () => unknown;
  /** Who it is, in log lines: "the jobs thread". */
  name: string;
  log: Log;
  onTold: (message: Told) => void;
  /** What is said from now on is heard: told at each start. */
  onStarted?: () => void;
  /** It has died, or was closed: what was said to it and not answered is lost. */
  onDied: () => void;
}

/** A thread of ours that is started again when it dies. Nobody hears what is said to it meanwhile. */
export class RestartedThread<Said, Told> {
  readonly #options: RestartedThreadOptions<Told>;
  #worker: Worker | undefined;
  #isClosing = false;

  constructor(options: RestartedThreadOptions<Told>) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /** It is not started any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  start(): void {
    if (this.#isClosing) return;
    const { file, data, name, log, onTold, onStarted, onDied } = this.#options;
    const worker = new Worker(file, { workerData: data() });
    this.#worker = worker;
    worker.on('message', onTold);
    worker.on('error', (error) => {
      log.error({ error: errorChain(error) }, `${name} died`);
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      onDied();
      if (this.#isClosing) return;
      setTimeout(() => {
        this.start();
      }, RESTART_MS);
    });
    onStarted?.();
  }

  /** `transfer`: buffers of the message that are given away. False where nobody hears it. */
  post(message: Said, transfer: Transferable[] = []): boolean {
    this.#worker?.postMessage(message, transfer);
    return this.#worker !== undefined;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#worker?.terminate();
  }
}
