import { Worker } from 'node:worker_threads';
import type { CaptureJournal, CaptureOrder, CaptureSettings, FromCapture, ToCapture } from '../capture/messages.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { CAPTURES_WAITING } from '../contract/limits.ts';
import { BoundedQueue } from '../lib/bounded-queue.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';

/** Pause before a thread that died is started again. */
const RESTART_MS = 500;

/** Orders in the thread's hands at once; the others wait here. */
const ORDERS_AT_ONCE = 1024;

/** Orders of this long leave together: their exchanges are read in one go, and stored in one statement. */
const GATHER_MS = 50;

export interface CaptureThreadOptions {
  /** Built file of workers/capture.ts. */
  file: string;
  workerData: unknown;
  log: Log;
  /** This process's own. */
  journal: CaptureJournal;
  /** Where an exchange's frames stand; undefined where they are not known (any more). */
  extentsOf(id: ExchangeId): Promise<CaptureOrder['extents'] | undefined>;
  /** One more exchange of a journal's segment is to be captured (1), or will not be after all (-1). */
  onWanted(gateway: string, segment: number, change: 1 | -1): void;
}

/**
 * The thread that makes captures of what the journal holds. A segment of the journal waits for them as it does for the
 * records: what a thread that died had in hand is ordered again, and what there is no room for, the next start's replay
 * orders.
 */
export class CaptureThread {
  readonly #options: CaptureThreadOptions;
  readonly #waiting = new BoundedQueue<CaptureOrder>('captures', CAPTURES_WAITING);
  readonly #inHand = new Map<ExchangeId, CaptureOrder>();
  /** Ended in this turn of the loop: their frames are written at its end. */
  #fresh: { id: ExchangeId; segment: number }[] = [];
  #worker: Worker | undefined;
  #drained: ((left: number) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #settings: CaptureSettings;
  #closing = false;
  unreadable = 0;

  constructor(options: CaptureThreadOptions, settings: CaptureSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#start();
  }

  /** Exchanges that are to be captured and are not yet. */
  get waiting(): number {
    return this.#fresh.length + this.#waiting.depth + this.#inHand.size;
  }

  /** Left to the next start, for want of room. */
  get refused(): number {
    return this.#waiting.refused;
  }

  reconfigure(settings: CaptureSettings): void {
    this.#settings = settings;
    this.#post({ kind: 'settings', settings });
  }

  /** An exchange of this process has ended. Call it before its record is handed on. */
  want(id: ExchangeId, segment: number): void {
    if (!this.#settings.keep) return;
    this.#options.onWanted(this.#options.journal.gateway, segment, 1);
    this.#fresh.push({ id, segment });
    if (this.#fresh.length > 1) return;
    setImmediate(() => {
      const fresh = this.#fresh;
      this.#fresh = [];
      for (const each of fresh) void this.#order(each);
    });
  }

  /** An exchange of an earlier process, as the replay found it. */
  wantStored(order: CaptureOrder): void {
    if (!this.#settings.keep) return;
    this.#options.onWanted(order.journal.gateway, order.segment, 1);
    this.#offer(order);
  }

  /** Hands over what waits; resolves with the number of exchanges that only the journal has. */
  async drain(withinMs: number): Promise<number> {
    if (this.#worker === undefined || this.waiting === 0) return this.waiting;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(this.waiting);
      }, withinMs + RESTART_MS);
      this.#drained.push((left) => {
        clearTimeout(timer);
        resolve(left + this.#waiting.depth);
      });
      this.#next();
      this.#post({ kind: 'drain', withinMs });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  async #order({ id, segment }: { id: ExchangeId; segment: number }): Promise<void> {
    const extents = await this.#options.extentsOf(id);
    const { journal } = this.#options;
    if (extents === undefined || extents.length === 0) this.#lost(journal, segment);
    else this.#offer({ id, journal, segment, extents });
  }

  #offer(order: CaptureOrder): void {
    if (!this.#waiting.offer(order)) return;
    this.#timer ??= setTimeout(() => {
      this.#next();
    }, GATHER_MS);
  }

  #lost({ gateway }: CaptureJournal, segment: number): void {
    this.unreadable += 1;
    this.#options.onWanted(gateway, segment, -1);
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#worker === undefined) return;
    const orders: CaptureOrder[] = [];
    while (this.#inHand.size < ORDERS_AT_ONCE) {
      const order = this.#waiting.take();
      if (order === undefined) break;
      this.#inHand.set(order.id, order);
      orders.push(order);
    }
    if (orders.length > 0) this.#post({ kind: 'capture', orders });
  }

  #post(message: ToCapture): void {
    this.#worker?.postMessage(message);
  }

  #start(): void {
    const worker = new Worker(this.#options.file, { workerData: this.#options.workerData });
    this.#worker = worker;
    worker.on('message', (message: FromCapture) => {
      this.#deliver(message);
    });
    worker.on('error', (error) => {
      this.#options.log.error({ error: errorChain(error) }, 'the capture thread died');
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const settle of this.#drained.splice(0)) settle(this.#inHand.size);
      if (this.#closing) return;
      setTimeout(() => {
        if (!this.#closing) this.#start();
      }, RESTART_MS);
    });
    this.#post({ kind: 'settings', settings: this.#settings });
    if (this.#inHand.size > 0) this.#post({ kind: 'capture', orders: [...this.#inHand.values()] });
    this.#next();
  }

  #deliver(message: FromCapture): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'captured':
        for (const id of message.ids) this.#inHand.delete(id);
        this.#next();
        return;
      case 'unreadable':
        for (const id of message.ids) {
          const order = this.#inHand.get(id);
          this.#inHand.delete(id);
          if (order !== undefined) this.#lost(order.journal, order.segment);
        }
        this.#next();
        return;
      case 'drained':
        for (const settle of this.#drained.splice(0)) settle(message.left);
        return;
      default:
        return unreachable(message);
    }
  }
}
