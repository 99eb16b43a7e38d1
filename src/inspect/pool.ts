import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Api } from '../contract/api.ts';
import type { Opened } from '../contract/exchange.ts';
import type { Facts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import type { Holding } from '../contract/holding.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { LANE_CREDIT_BYTES, LANE_EXCHANGE_BYTES } from '../contract/limits.ts';
import type { BodyFields, FromInspector, PricingSlice, ToInspector } from '../contract/messages.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { assert, failed, unreachable } from '../lib/result.ts';
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

/**
 * What a lane is for. Requests wait for scans: so they have a lane of their own, where no provider's answer, hostile or
 * merely large, is before them.
 */
type Purpose = 'watch' | 'scan';

/**
 * One long-lived piscina task and its port: an inspector thread, seen from the main thread. It has a pool of its own: one
 * that has seen a thread fail at its start makes no other, for good.
 */
class Lane {
  readonly purpose: Purpose;
  readonly exchanges = new Map<ExchangeId, Watch>();
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
    return this.exchanges.size + this.scans.size;
  }

  /** Nothing more comes of the exchange: an answer is due. */
  end(exchange: ExchangeId, how: 'complete' | 'cut'): void {
    this.unreadBytes += LANE_EXCHANGE_BYTES;
    this.outbox.post({ kind: 'end', exchange, how });
  }
}

export interface InspectorPoolOptions {
  /** Built file of workers/inspector.ts. */
  file: string;
  /** Threads that watch exchanges; one more scans large requests. */
  lanes: number;
  log: Log;
  /** A response was made that can be asked for again; told before its exchange is settled, and perhaps again. */
  onMade(responseId: string, holding: Holding): void;
  /** A thread that does not come round for so many looks, one a second, is hung. */
  hungAfterLooks?: number;
}

/** Pause before a thread that died as it began is started again. */
const RESTART_MS = 500;
const LOOK_EVERY_MS = 1_000;
/**
 * The longest that a body of 64 MiB was seen to hold an inspector is seconds; a machine with other things to do is slower.
 * Looks are counted rather than time: a process that was stopped as a whole finds none of its threads hung.
 */
const HUNG_AFTER_LOOKS = 30;

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
  readonly #lanes: Lane[] = [];
  readonly #waiting: (() => void)[] = [];
  #world: Extract<ToInspector, { kind: 'world' }> | undefined;
  #revokedSessions: Extract<ToInspector, { kind: 'revoked_sessions' }> | undefined;
  #onRevokedSession: (exchange: ExchangeId, session: string) => void = () => undefined;
  #asks = 0;
  #deferred = 0;
  #restarts = 0;
  #closing = false;
  readonly #watch: NodeJS.Timeout;

  constructor(options: InspectorPoolOptions) {
    this.#options = options;
    this.#watch = setInterval(() => {
      this.#look();
    }, LOOK_EVERY_MS);
    this.#watch.unref();
    for (let lane = 0; lane < options.lanes; lane++) this.#start('watch');
    this.#start('scan');
  }

  stats(): InspectorStats {
    let exchanges = 0;
    let unreadBytes = 0;
    for (const lane of this.#lanes) {
      exchanges += lane.exchanges.size;
      unreadBytes += lane.unreadBytes;
    }
    return {
      lanes: this.#ready('watch').length,
      exchanges,
      unreadBytes,
      deferred: this.#deferred,
      restarts: this.#restarts,
    };
  }

  /** Resolves once at least one inspector takes exchanges, and one scans. */
  async ready(): Promise<void> {
    await Promise.all([this.#begun('watch'), this.#begun('scan')]);
  }

  async #begun(purpose: Purpose): Promise<void> {
    while (this.#ready(purpose).length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
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
    const lane = this.#lightest('watch');
    if (lane === undefined || lane.unreadBytes > LANE_CREDIT_BYTES) {
      this.#deferred += 1;
      return new DeferredTap(watch);
    }
    lane.exchanges.set(opened.id, watch);
    lane.outbox.postLater({ kind: 'open', opened, mode: 'watch' });
    return new LaneTap(lane, opened.id, () => {
      this.#deferred += 1;
    });
  }

  /** Reads a stored exchange through an inspector, at the inspector's pace. */
  async inspectStored(stored: StoredExchange): Promise<Inspected> {
    await this.#begun('watch');
    const lane = this.#lightest('watch');
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
    // Where that lane has just died, any will do.
    const lane = this.#lightest('scan') ?? this.#lightest('watch');
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
    clearInterval(this.#watch);
    for (const lane of this.#lanes) {
      lane.outbox.close();
      lane.port.close();
    }
    await Promise.all(this.#lanes.map((lane) => lane.pool.destroy()));
  }

  /** The thread of one lane dies, as if by a crash: for fault tests. */
  killOneThread(purpose: Purpose = 'watch'): Promise<unknown> {
    const thread = this.#lanes.find((lane) => lane.purpose === purpose)?.pool.threads[0];
    return thread === undefined ? Promise.resolve() : thread.terminate();
  }

  #ready(purpose: Purpose): Lane[] {
    return this.#lanes.filter((lane) => lane.ready && lane.purpose === purpose);
  }

  #lightest(purpose: Purpose): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.ready && lane.purpose === purpose && (best === undefined || lane.load < best.load)) best = lane;
    }
    return best;
  }

  #start(purpose: Purpose): void {
    const { port1, port2 } = new MessageChannel();
    const pool = new Piscina({
      filename: this.#options.file,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      maxQueue: 1,
      // An idle thread otherwise sleeps in Atomics.wait, its port included.
      atomics: 'disabled',
    });
    const lane = new Lane(purpose, port1, pool);
    this.#lanes.push(lane);
    // Of a thread that dies before it has its task, or fails more than once. If nobody listened, the process would end.
    pool.on('error', (error: unknown) => {
      this.#ended(lane, errorChain(error));
    });
    port1.on('message', (messages: FromInspector[]) => {
      this.#take(lane, messages);
    });
    if (this.#world !== undefined) lane.outbox.post(this.#world);
    if (this.#revokedSessions !== undefined) lane.outbox.post(this.#revokedSessions);
    pool.run({ port: port2 }, { transferList: [port2], signal: lane.ending.signal }).then(
      () => {
        this.#ended(lane, 'its task returned');
      },
      (error: unknown) => {
        this.#ended(lane, errorChain(error));
      },
    );
  }

  #ended(lane: Lane, why: string): void {
    if (lane.over) return;
    lane.over = true;
    const began = lane.ready;
    lane.ready = false;
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    lane.outbox.close();
    lane.port.close();
    void lane.pool.destroy();
    const exchanges = [...lane.exchanges.values()];
    const scans = [...lane.scans.values()];
    lane.exchanges.clear();
    lane.scans.clear();
    for (const watch of exchanges) watch.missed('failed');
    for (const settle of scans) settle(failed({ code: 'inspector_failed', why: 'its thread died' }));
    if (this.#closing) return;
    this.#restarts += 1;
    this.#options.log.error({ why, exchanges: exchanges.length }, 'an inspector died; starting another');
    if (began) this.#start(lane.purpose);
    else this.#startLater(lane.purpose);
  }

  /** One that does not even begin would be started as fast as the machine can. */
  #startLater(purpose: Purpose): void {
    setTimeout(() => {
      if (!this.#closing) this.#start(purpose);
    }, RESTART_MS).unref();
  }

  /** A thread that says what makes no sense is not trusted further: what it held is read again by another. */
  #take(lane: Lane, messages: readonly FromInspector[]): void {
    try {
      for (const message of messages) this.#deliver(lane, message);
    } catch (error) {
      this.#options.log.error({ error: errorChain(error) }, 'an inspector says what makes no sense');
      lane.ending.abort();
    }
  }

  #look(): void {
    for (const lane of this.#lanes) {
      if (!lane.ready) continue;
      if (lane.silentLooks === 0) lane.outbox.post({ kind: 'ping' });
      lane.silentLooks += 1;
      if (lane.silentLooks > (this.#options.hungAfterLooks ?? HUNG_AFTER_LOOKS)) lane.ending.abort();
    }
  }

  #deliver(lane: Lane, message: FromInspector): void {
    switch (message.kind) {
      case 'ready': {
        lane.ready = true;
        for (const wake of this.#waiting.splice(0)) wake();
        return;
      }
      case 'pong':
        lane.silentLooks = 0;
        return;
      case 'credit': {
        lane.unreadBytes -= message.bytes;
        return;
      }
      case 'made': {
        this.#options.onMade(message.responseId, message.holding);
        return;
      }
      case 'inspected': {
        assert(typeof message.outcome.ok === 'boolean', 'an inspection has an outcome');
        lane.unreadBytes -= LANE_EXCHANGE_BYTES;
        // Forgotten after it was settled: where that fails, it is settled with all that the lane held.
        lane.exchanges.get(message.exchange)?.inspected(message.outcome);
        lane.exchanges.delete(message.exchange);
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
    if (!this.#deferred) this.#lane.outbox.postLater({ kind: 'head', exchange: this.#exchange, status, headers });
  }

  response(bytes: Uint8Array): void {
    this.#post('bytes', bytes);
  }

  end(how: 'complete' | 'cut'): void {
    if (!this.#deferred) this.#lane.end(this.#exchange, how);
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
  lane.end(exchange, stored.how);
}
