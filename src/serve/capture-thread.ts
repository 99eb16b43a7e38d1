import { Worker } from 'node:worker_threads';
import type { CaptureOrder, CaptureSettings, FromCapture, ToCapture } from '../capture/messages.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { CAPTURES_WAITING, CAPTURE_PLACES_WAITING } from '../contract/limits.ts';
import { BoundedQueue } from '../lib/bounded-queue.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';

/** Pause before a thread that died is started again. */
const RESTART_MS = 500;

/** Orders in the thread's hands at once; the others wait here. */
const ORDERS_AT_ONCE = 256;

export interface CaptureThreadOptions {
  /** Built file of workers/capture.ts. */
  file: string;
  workerData: unknown;
  log: Log;
  /** Where an exchange's frames stand; undefined where they are not known (any more). */
  extentsOf(id: ExchangeId): Promise<CaptureOrder['extents'] | undefined>;
  /** One more exchange of a segment is to be captured (1), or will not be after all (-1). */
  onWanted(segment: number, change: 1 | -1): void;
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
  #settings: CaptureSettings;
  #closing = false;
  /** Extents of the orders that wait or are in hand. */
  places = 0;
  #refusedPlaces = 0;
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
    return this.#waiting.refused + this.#refusedPlaces;
  }

  reconfigure(settings: CaptureSettings): void {
    this.#settings = settings;
    this.#post({ kind: 'settings', settings });
  }

  /** An exchange of this process has ended. Call it before its record is handed on. */
  want(id: ExchangeId, segment: number): void {
    this.#options.onWanted(segment, 1);
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
    this.#options.onWanted(order.segment, 1);
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
      this.#post({ kind: 'drain', withinMs });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  async #order({ id, segment }: { id: ExchangeId; segment: number }): Promise<void> {
    const extents = await this.#options.extentsOf(id);
    if (extents === undefined || extents.length === 0) this.#lost(segment);
    else this.#offer({ id, segment, extents });
  }

  #offer(order: CaptureOrder): void {
    const places = order.extents.length;
    if (this.places + places > CAPTURE_PLACES_WAITING) {
      this.#refusedPlaces += 1;
      return;
    }
    if (!this.#waiting.offer(order)) return;
    this.places += places;
    this.#next();
  }

  #done(id: ExchangeId): CaptureOrder | undefined {
    const order = this.#inHand.get(id);
    this.#inHand.delete(id);
    this.places -= order?.extents.length ?? 0;
    return order;
  }

  #lost(segment: number): void {
    this.unreadable += 1;
    this.#options.onWanted(segment, -1);
  }

  #next(): void {
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
        for (const id of message.ids) this.#done(id);
        this.#next();
        return;
      case 'unreadable':
        for (const id of message.ids) {
          const order = this.#done(id);
          if (order !== undefined) this.#lost(order.segment);
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
