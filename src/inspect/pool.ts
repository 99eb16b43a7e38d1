import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Api } from '../contract/api.ts';
import type { Opened } from '../contract/exchange.ts';
import type { Facts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import type { Holding } from '../contract/holding.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { LANE_CREDIT_BYTES } from '../contract/limits.ts';
import type { BodyFields, FromInspector, PricingSlice, ToInspector } from '../contract/messages.ts';
import type { Log } from '../lib/log.ts';
import { failed, unreachable } from '../lib/result.ts';
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
}

/**
 * Why an inspection has no facts: `deferred`, the lane was out of credit, so read the journal later; `failed`, its
 * thread died.
 */
export type Missed = 'deferred' | 'failed';

interface Watch {
  inspected(outcome: Inspected): void;
  missed(why: Missed): void;
}

/** One long-lived piscina task and its port: an inspector thread, seen from the main thread. */
class Lane {
  readonly exchanges = new Map<ExchangeId, Watch>();
  readonly scans = new Map<number, (outcome: Scanned) => void>();
  readonly outbox: Outbox<ToInspector>;
  readonly port: MessagePort;
  /** Bytes posted and not yet taken in. */
  unreadBytes = 0;
  ready = false;

  constructor(port: MessagePort) {
    this.port = port;
    this.outbox = new Outbox(port, bytesToInspector);
  }

  get load(): number {
    return this.exchanges.size + this.scans.size;
  }
}

export interface InspectorPoolOptions {
  /** Built file of workers/inspector.ts. */
  file: string;
  lanes: number;
  log: Log;
  /** A response was made that can be asked for again; told before its exchange is settled, and perhaps again. */
  onMade(responseId: string, holding: Holding): void;
}

export interface InspectorStats {
  lanes: number;
  exchanges: number;
  unreadBytes: number;
  deferred: number;
  restarts: number;
}

/**
 * The inspectors: threads that read copies of both bodies off the wire path. A lane takes exchanges once it has said
 * `ready`; when its thread dies, all it held is settled as missed, once, and a new thread takes its place.
 */
export class InspectorPool {
  readonly #options: InspectorPoolOptions;
  readonly #pool: Piscina;
  readonly #lanes: Lane[] = [];
  readonly #waiting: (() => void)[] = [];
  #world: Extract<ToInspector, { kind: 'world' }> | undefined;
  #revokedSessions: Extract<ToInspector, { kind: 'revoked_sessions' }> | undefined;
  #onRevokedSession: (exchange: ExchangeId, session: string) => void = () => undefined;
  #asks = 0;
  #deferred = 0;
  #restarts = 0;
  #closing = false;

  constructor(options: InspectorPoolOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: options.file,
      minThreads: options.lanes,
      maxThreads: options.lanes,
      concurrentTasksPerWorker: 1,
      maxQueue: options.lanes,
      // An idle thread otherwise sleeps in Atomics.wait, its port included.
      atomics: 'disabled',
    });
    for (let lane = 0; lane < options.lanes; lane++) this.#start();
  }

  stats(): InspectorStats {
    let exchanges = 0;
    let unreadBytes = 0;
    for (const lane of this.#lanes) {
      exchanges += lane.exchanges.size;
      unreadBytes += lane.unreadBytes;
    }
    return { lanes: this.#ready().length, exchanges, unreadBytes, deferred: this.#deferred, restarts: this.#restarts };
  }

  /** Resolves once at least one inspector takes work. */
  async ready(): Promise<void> {
    while (this.#ready().length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Prices of a new world; inspectors keep the last few, since exchanges in flight belong to older ones. */
  setWorld(world: number, pricing: PricingSlice): void {
    this.#world = { kind: 'world', world, pricing };
    for (const lane of this.#lanes) lane.outbox.post(this.#world);
  }

  /**
   * Reports open exchanges of these sessions, those of now and those to come, until the next call. An exchange that no
   * lane had credit for is not seen.
   */
  watchSessions(sessions: readonly string[], found: (exchange: ExchangeId, session: string) => void): void {
    this.#onRevokedSession = found;
    this.#revokedSessions = { kind: 'revoked_sessions', sessions: [...sessions] };
    for (const lane of this.#lanes) lane.outbox.post(this.#revokedSessions);
  }

  /** Begins to inspect a live exchange. Exactly one of the two callbacks of `watch` is called, once, unless dropped. */
  open(opened: Opened, watch: Watch): Tap {
    const lane = this.#lightest();
    if (lane === undefined || lane.unreadBytes > LANE_CREDIT_BYTES) {
      this.#deferred += 1;
      return new DeferredTap(watch);
    }
    lane.exchanges.set(opened.id, watch);
    lane.outbox.post({ kind: 'open', opened, mode: 'watch' });
    return new LaneTap(lane, opened.id, () => {
      this.#deferred += 1;
    });
  }

  /** Reads a stored exchange through an inspector, at the inspector's pace. */
  async inspectStored(stored: StoredExchange): Promise<Inspected> {
    await this.ready();
    const lane = this.#lightest();
    if (lane === undefined) return failed({ code: 'inspector_failed', why: 'no inspector is running' });
    const { id } = stored.opened;
    return new Promise<Inspected>((resolve) => {
      lane.exchanges.set(id, {
        inspected: resolve,
        missed: (why) => {
          resolve(failed({ code: 'inspector_failed', why }));
        },
      });
      lane.outbox.post({ kind: 'open', opened: stored.opened, mode: 'reread' });
      feed(lane, id, stored).catch((error: unknown) => {
        lane.exchanges.delete(id);
        lane.outbox.post({ kind: 'drop', exchange: id });
        resolve(failed({ code: 'inspector_failed', why: String(error) }));
      });
    });
  }

  /** Scans a large body on an inspector. The buffer is given away and comes back with the answer. */
  scan(api: Api, body: Uint8Array<ArrayBuffer>): Promise<Scanned> {
    const lane = this.#lightest();
    if (lane === undefined)
      return Promise.resolve(failed({ code: 'inspector_failed', why: 'no inspector is running' }));
    return new Promise((resolve) => {
      const ask = ++this.#asks;
      lane.scans.set(ask, resolve);
      lane.outbox.post({ kind: 'scan', ask, api, body });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const lane of this.#lanes) {
      lane.outbox.close();
      lane.port.close();
    }
    await this.#pool.destroy();
  }

  /** The thread of one lane dies, as if by a crash: for fault tests. */
  killOneThread(): Promise<unknown> {
    const thread = this.#pool.threads[0];
    return thread === undefined ? Promise.resolve() : thread.terminate();
  }

  #ready(): Lane[] {
    return this.#lanes.filter((lane) => lane.ready);
  }

  #lightest(): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.ready && (best === undefined || lane.load < best.load)) best = lane;
    }
    return best;
  }

  #start(): void {
    const { port1, port2 } = new MessageChannel();
    const lane = new Lane(port1);
    this.#lanes.push(lane);
    port1.on('message', (messages: FromInspector[]) => {
      for (const message of messages) this.#deliver(lane, message);
    });
    if (this.#world !== undefined) lane.outbox.post(this.#world);
    if (this.#revokedSessions !== undefined) lane.outbox.post(this.#revokedSessions);
    this.#pool.run({ port: port2 }, { transferList: [port2] }).then(
      () => {
        this.#ended(lane, 'its task returned');
      },
      (error: unknown) => {
        this.#ended(lane, String(error));
      },
    );
  }

  #ended(lane: Lane, why: string): void {
    lane.ready = false;
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    lane.outbox.close();
    lane.port.close();
    const exchanges = [...lane.exchanges.values()];
    const scans = [...lane.scans.values()];
    lane.exchanges.clear();
    lane.scans.clear();
    for (const watch of exchanges) watch.missed('failed');
    for (const settle of scans) settle(failed({ code: 'inspector_failed', why: 'its thread died' }));
    if (this.#closing) return;
    this.#restarts += 1;
    this.#options.log.error({ why, exchanges: exchanges.length }, 'an inspector died; starting another');
    this.#start();
  }

  #deliver(lane: Lane, message: FromInspector): void {
    switch (message.kind) {
      case 'ready': {
        lane.ready = true;
        for (const wake of this.#waiting.splice(0)) wake();
        return;
      }
      case 'credit': {
        lane.unreadBytes -= message.bytes;
        return;
      }
      case 'made': {
        this.#options.onMade(message.responseId, message.holding);
        return;
      }
      case 'inspected': {
        const watch = lane.exchanges.get(message.exchange);
        lane.exchanges.delete(message.exchange);
        watch?.inspected(message.outcome);
        return;
      }
      case 'session_revoked':
        this.#onRevokedSession(message.exchange, message.session);
        return;
      case 'scanned': {
        const settle = lane.scans.get(message.ask);
        lane.scans.delete(message.ask);
        const { body, outcome } = message;
        settle?.(outcome.ok ? { ok: true, value: { fields: outcome.value, body } } : outcome);
        return;
      }
      case 'release':
      case 'refuse':
        // Only an exchange opened in `decide` mode is answered so, and none is yet.
        return;
      default:
        return unreachable(message);
    }
  }
}

/** Copies to one lane. A lane out of credit loses the exchange: the journal has it, and it is inspected later. */
class LaneTap implements Tap {
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
    if (!this.#deferred) this.#lane.outbox.post({ kind: 'head', exchange: this.#exchange, status, headers });
  }

  response(bytes: Uint8Array): void {
    this.#post('bytes', bytes);
  }

  end(how: 'complete' | 'cut'): void {
    if (!this.#deferred) this.#lane.outbox.post({ kind: 'end', exchange: this.#exchange, how });
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
    this.#lane.outbox.post({ kind, exchange: this.#exchange, bytes: keep(bytes) });
  }
}

/** No lane had credit when the exchange began: nothing is copied, and its end asks for the journal. */
class DeferredTap implements Tap {
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

/** Bytes of a stored exchange that may be under way to an inspector at once. */
const FEED_WINDOW_BYTES = LANE_CREDIT_BYTES / 2;

async function feed(lane: Lane, exchange: ExchangeId, stored: StoredExchange): Promise<void> {
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
  lane.outbox.post({ kind: 'end', exchange, how: stored.how });
}
