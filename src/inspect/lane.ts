import type { MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Opened } from '../contract/exchange.ts';
import type { Facts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import type { Decided, Verdict } from '../contract/guardrail.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { LANE_CREDIT_BYTES, LANE_EXCHANGE_BYTES } from '../contract/limits.ts';
import type { BodyFields, Release, ToInspector } from '../contract/messages.ts';
import { unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { Outbox, bytesToInspector, keep } from './link.ts';

export type Inspected = Result<Facts, Fault>;
export type Scanned = Result<{ fields: BodyFields; body: Uint8Array<ArrayBuffer> }, Fault>;

/** A stored exchange, to be read again from the journal: after a crash, a dead thread, or for want of credit. */
export interface StoredExchange {
  opened: Opened;
  /** Whether the response body ended as HTTP says it should. */
  how: 'complete' | 'cut';
  frames(): AsyncIterable<StoredFrame>;
}
export type StoredFrame =
  | { kind: 'request'; bytes: Uint8Array }
  | { kind: 'head'; status: number; headers: [string, string][] }
  | { kind: 'response'; bytes: Uint8Array };

/** Where the copies of one live exchange go. After `end` or `drop` it is done with. */
export interface Tap {
  request(bytes: Uint8Array): void;
  head(status: number, headers: [string, string][]): void;
  response(bytes: Uint8Array): void;
  end(how: 'complete' | 'cut'): void;
  drop(): void;
  /** After `end`, of an answer that hooks may be asked about: nobody waits for it any more. */
  abandon?(): void;
  /** There is no room for what is held of the answer. */
  giveUpHolding?(why: string): void;
}

/** Who waits for the rules' word on a response. */
export interface Gate {
  released(release: Release): void;
  refused(fault: Fault, verdicts: Verdict[]): void;
}

export type DecidedRequest = Result<{ decided: Decided; body: Uint8Array<ArrayBuffer> }, Fault>;

/**
 * Why an inspection has no facts: `deferred`, the lane was out of credit, so read the journal later; `failed`, its
 * thread died.
 */
export type Missed = 'deferred' | 'failed';

export interface Watch {
  inspected(outcome: Inspected): void;
  missed(why: Missed): void;
}

/**
 * What a lane is for. Requests wait for scans: so they have a lane of their own, where no provider's answer, hostile or
 * merely large, is before them. Rules have lanes of their own too, made once there are rules: clients wait for them, and
 * for nothing else there.
 */
export type Purpose = 'watch' | 'scan' | 'rules';

/**
 * One long-lived piscina task and its port: an inspector thread, seen from the main thread. It has a pool of its own: one
 * that has seen a thread fail at its start makes no other, for good.
 */
export class Lane {
  readonly purpose: Purpose;
  readonly exchanges = new Map<ExchangeId, Watch>();
  /** Of those exchanges whose responses rules decide about. */
  readonly gates = new Map<ExchangeId, Gate>();
  readonly decisions = new Map<number, (outcome: DecidedRequest) => void>();
  readonly scans = new Map<number, (outcome: Scanned) => void>();
  readonly outbox: Outbox<ToInspector>;
  readonly port: MessagePort;
  readonly pool: Piscina;
  over = false;
  /** Bytes posted and not yet taken in, and what exchanges count as that have ended and are not yet answered. */
  unreadBytes = 0;
  ready = false;
  /** Looks since the last `pong`. */
  silentLooks = 0;
  /** Ends the thread. */
  readonly ending = new AbortController();

  constructor(purpose: Purpose, port: MessagePort, pool: Piscina) {
    this.purpose = purpose;
    this.port = port;
    this.pool = pool;
    this.outbox = new Outbox(port, bytesToInspector);
  }

  get load(): number {
    return this.exchanges.size + this.scans.size + this.decisions.size;
  }

  /** Nothing more comes of the exchange: an answer is due. */
  end(exchange: ExchangeId, how: 'complete' | 'cut'): void {
    this.unreadBytes += LANE_EXCHANGE_BYTES;
    this.outbox.post({ kind: 'end', exchange, how });
  }

  /** The same where nobody waits for the answer but the books. */
  endLater(exchange: ExchangeId, how: 'complete' | 'cut'): void {
    this.unreadBytes += LANE_EXCHANGE_BYTES;
    this.outbox.postLater({ kind: 'end', exchange, how });
  }
}

/** Copies to one lane. A lane out of credit loses the exchange: the journal has it, and it is inspected later. */
export class LaneTap implements Tap {
  readonly #lane: Lane;
  readonly #exchange: ExchangeId;
  readonly #onDeferred: () => void;
  #deferred = false;

  constructor(lane: Lane, exchange: ExchangeId, onDeferred: () => void) {
    this.#lane = lane;
    this.#exchange = exchange;
    this.#onDeferred = onDeferred;
  }

  request(bytes: Uint8Array): void {
    this.#post('request', bytes);
  }

  head(status: number, headers: [string, string][]): void {
    if (!this.#deferred) this.#lane.outbox.postLater({ kind: 'head', exchange: this.#exchange, status, headers });
  }

  response(bytes: Uint8Array): void {
    this.#post('bytes', bytes);
  }

  end(how: 'complete' | 'cut'): void {
    if (!this.#deferred) this.#lane.endLater(this.#exchange, how);
    else this.#take()?.missed('deferred');
  }

  drop(): void {
    this.#take();
    this.#lane.outbox.post({ kind: 'drop', exchange: this.#exchange });
  }

  #take(): Watch | undefined {
    const watch = this.#lane.exchanges.get(this.#exchange);
    this.#lane.exchanges.delete(this.#exchange);
    return watch;
  }

  #post(kind: 'request' | 'bytes', bytes: Uint8Array): void {
    if (this.#deferred) return;
    if (this.#lane.unreadBytes > LANE_CREDIT_BYTES) {
      this.#deferred = true;
      this.#onDeferred();
      this.#lane.outbox.post({ kind: 'drop', exchange: this.#exchange });
      return;
    }
    this.#lane.unreadBytes += bytes.byteLength;
    this.#lane.outbox.postLater({ kind, exchange: this.#exchange, bytes: keep(bytes) });
  }
}

/** No lane had credit when the exchange began: nothing is copied, and its end asks for the journal. */
export class DeferredTap implements Tap {
  readonly #watch: Watch;

  constructor(watch: Watch) {
    this.#watch = watch;
  }

  request(): void {
    // The journal has it.
  }

  head(): void {
    // The journal has it.
  }

  response(): void {
    // The journal has it.
  }

  end(): void {
    this.#watch.missed('deferred');
  }

  drop(): void {
    // Nothing was begun.
  }
}

/** The bytes of an exchange whose response the rules decide about: all of them, at once; its head with the first, in one wake. */
export class GatedTap implements Tap {
  readonly #lane: Lane;
  readonly #exchange: ExchangeId;

  constructor(lane: Lane, exchange: ExchangeId) {
    this.#lane = lane;
    this.#exchange = exchange;
  }

  request(bytes: Uint8Array): void {
    this.#lane.unreadBytes += bytes.byteLength;
    this.#lane.outbox.post({ kind: 'request', exchange: this.#exchange, bytes: keep(bytes) });
  }

  head(status: number, headers: [string, string][]): void {
    this.#lane.outbox.post({ kind: 'head', exchange: this.#exchange, status, headers });
  }

  response(bytes: Uint8Array): void {
    this.#lane.unreadBytes += bytes.byteLength;
    this.#lane.outbox.postNow({ kind: 'bytes', exchange: this.#exchange, bytes: keep(bytes) });
  }

  end(how: 'complete' | 'cut'): void {
    this.#lane.end(this.#exchange, how);
  }

  abandon(): void {
    this.#lane.outbox.post({ kind: 'abandon', exchange: this.#exchange });
  }

  giveUpHolding(why: string): void {
    this.#lane.outbox.post({ kind: 'give_up_holding', exchange: this.#exchange, why });
  }

  drop(): void {
    this.#lane.exchanges.delete(this.#exchange);
    this.#lane.gates.delete(this.#exchange);
    this.#lane.outbox.post({ kind: 'drop', exchange: this.#exchange });
  }
}

/** Bytes of a stored exchange that may be under way to an inspector at once. */
const FEED_WINDOW_BYTES = LANE_CREDIT_BYTES / 2;

/** Sends a stored exchange to a lane, at the lane's pace. */
export async function feed(lane: Lane, exchange: ExchangeId, stored: StoredExchange): Promise<void> {
  for await (const frame of stored.frames()) {
    while (lane.unreadBytes > FEED_WINDOW_BYTES && lane.exchanges.has(exchange)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (!lane.exchanges.has(exchange)) return;
    switch (frame.kind) {
      case 'head':
        lane.outbox.post({ kind: 'head', exchange, status: frame.status, headers: frame.headers });
        break;
      case 'request':
      case 'response':
        lane.unreadBytes += frame.bytes.byteLength;
        lane.outbox.post({
          kind: frame.kind === 'request' ? 'request' : 'bytes',
          exchange,
          bytes: keep(frame.bytes),
        });
        break;
      default:
        return unreachable(frame);
    }
  }
  lane.end(exchange, stored.how);
}
