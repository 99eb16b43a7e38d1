import type { ExportSettings, ExportState, FromExport, ToExport } from '../export/messages.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';
import { AskThread } from './ask-thread.ts';
import { Drained } from './drained.ts';

/** How long the thread itself may take beyond what it was given to drain. */
const DRAIN_GRACE_MS = 500;

/** What an upload that is under way may still take when the config has no bucket any more. */
const STOP_WITHIN_MS = 10_000;

export interface ExportThreadOptions {
  /** Built file of workers/export.ts. */
  file: string;
  workerData: Record<string, unknown>;
  log: Log;
  onState: (state: ExportState) => void;
}

/**
 * The thread that exports to a bucket, while the config names one. What it had in hand when it ends, in whatever way, is
 * in the database.
 */
export class ExportThread {
  readonly #options: ExportThreadOptions;
  #running: Running | undefined;
  #closed = false;

  /** @param settings undefined where the config names no bucket. */
  constructor(options: ExportThreadOptions, settings: ExportSettings | undefined) {
    this.#options = options;
    this.reconfigure(settings);
  }

  reconfigure(settings: ExportSettings | undefined): void {
    if (this.#closed) return;
    const running = this.#running;
    if (settings === undefined) {
      this.#running = undefined;
      void running?.drain(STOP_WITHIN_MS).then(() => running.close());
    } else if (running === undefined) this.#running = new Running(this.#options, settings);
    else running.reconfigure(settings);
  }

  /** Makes no more files, and waits for the upload under way: what is cut off is uploaded again by the next process. */
  async drain(withinMs: number): Promise<void> {
    await this.#running?.drain(withinMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.close();
  }
}

class Running {
  readonly #thread: AskThread<never, FromExport, ToExport>;
  #settings: ExportSettings;
  readonly #drained = new Drained();

  constructor({ file, workerData, log, onState }: ExportThreadOptions, settings: ExportSettings) {
    this.#settings = settings;
    this.#thread = new AskThread({
      file,
      data: () => ({ ...workerData, settings: this.#settings }),
      name: 'the exporter',
      log,
      onTold: (message) => {
        switch (message.kind) {
          case 'state':
            onState(message.state);
            return;
          case 'drained':
            this.#drained.settle();
            return;
          default:
            return unreachable(message);
        }
      },
      onDied: () => {
        this.#drained.settle();
      },
    });
  }

  reconfigure(settings: ExportSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#thread.tell({ kind: 'settings', settings });
  }

  drain(withinMs: number): Promise<void> {
    return this.#drained.within(
      withinMs + DRAIN_GRACE_MS,
      () => this.#thread.tell({ kind: 'drain', withinMs }),
      () => undefined,
    );
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
