import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Api } from '../contract/api.ts';
import type { Opened } from '../contract/exchange.ts';
import type { Deciding, RuleKeys, RulesSlice } from '../contract/guardrail.ts';
import type { Holding } from '../contract/holding.ts';
import type { NamedResource } from '../contract/resource.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { LANE_CREDIT_BYTES, LANE_EXCHANGE_BYTES } from '../contract/limits.ts';
import type { FromInspector, PricingSlice, RequestToDecide, ToInspector } from '../contract/messages.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { assert, failed, unreachable } from '../lib/result.ts';
import { DeferredTap, feed, GatedTap, Lane, LaneTap } from './lane.ts';
import type { DecidedRequest, Gate, Inspected, Purpose, Scanned, StoredExchange, Tap, Watch } from './lane.ts';

export interface InspectorPoolOptions {
  /** Built file of workers/inspector.ts. */
  file: string;
  /** Threads that watch exchanges; one more scans large requests. */
  lanes: number;
  log: Log;
  /** A response was made that can be asked for again; told before its exchange is settled, and perhaps again. */
  onMade(resource: NamedResource, holding: Holding): void;
  /** For the threads that run rules; they are made with the first world that has some. Absent: none is. */
  ruleKeys?: RuleKeys;
  /** A thread that does not come round for so many looks, one a second, is hung. */
  hungAfterLooks?: number;
}

/** Pause before a thread that died as it began is started again. */
const RESTART_MS = 500;
const LOOK_EVERY_MS = 1_000;
const NO_RULES_THREAD = { code: 'inspector_failed', why: 'no thread for rules is running' } as const;
/**
 * The longest that a body of 64 MiB was seen to hold an inspector is seconds; a machine with other things to do is slower.
 * Looks are counted rather than time: a process that was stopped as a whole finds none of its threads hung.
 */
const HUNG_AFTER_LOOKS = 30;

export interface InspectorStats {
  lanes: number;
  exchanges: number;
  unreadBytes: number;
  /** Threads that run rules, and what waits for their word: requests, and responses under way. */
  rulesLanes: number;
  undecided: number;
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
    let undecided = 0;
    for (const lane of this.#lanes) {
      undecided += lane.decisions.size + lane.gates.size;
      exchanges += lane.exchanges.size;
      unreadBytes += lane.unreadBytes;
    }
    return {
      lanes: this.#ready('watch').length,
      exchanges,
      unreadBytes,
      rulesLanes: this.#ready('rules').length,
      undecided,
      deferred: this.#deferred,
      restarts: this.#restarts,
    };
  }

  /** Resolves once at least one inspector takes exchanges, one scans, and one runs rules where there are some. */
  async ready(): Promise<void> {
    const purposes: Purpose[] = this.#world?.rules === undefined ? ['watch', 'scan'] : ['watch', 'scan', 'rules'];
    await Promise.all(purposes.map((purpose) => this.#begun(purpose)));
  }

  async #begun(purpose: Purpose): Promise<void> {
    while (this.#ready(purpose).length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Prices and rules of a new world; inspectors keep the last few, since exchanges in flight belong to older ones. */
  setWorld(world: number, pricing: PricingSlice, rules?: RulesSlice): void {
    this.#world = { kind: 'world', world, pricing, ...(rules === undefined ? {} : { rules }) };
    for (const lane of this.#lanes) this.#tellWorld(lane);
    if (rules === undefined || this.#lanes.some(({ purpose }) => purpose === 'rules')) return;
    for (let lane = 0; lane < this.#options.lanes; lane++) this.#start('rules');
  }

  #tellWorld(lane: Lane): void {
    if (this.#world === undefined) return;
    const { kind, world, pricing } = this.#world;
    // Rules hold keys of hooks: they go where they are run, and nowhere else.
    lane.outbox.post(lane.purpose === 'rules' ? this.#world : { kind, world, pricing });
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

  /**
   * Begins to inspect an exchange whose response the rules decide about: the gate is told what may go on, until it was
   * told of the end. Where no thread runs, it is refused.
   */
  openGated(opened: Opened, deciding: Deciding, watch: Watch, gate: Gate): Tap {
    const lane = this.#lightest('rules');
    if (lane === undefined) {
      setImmediate(() => {
        gate.refused(NO_RULES_THREAD, []);
      });
      return new DeferredTap(watch);
    }
    lane.exchanges.set(opened.id, watch);
    lane.gates.set(opened.id, gate);
    lane.outbox.post({ kind: 'open', opened, mode: 'decide', deciding });
    return new GatedTap(lane, opened.id);
  }

  /** A request begins to come that rules may have to judge: where their thread sleeps, it is woken while the request is read. */
  expectRequest(): void {
    this.#lightest('rules')?.outbox.wake({ kind: 'wake' });
  }

  /** Runs the rules on a request. The body is given away, and comes back: changed, if a rule changed it. */
  async decide(request: RequestToDecide, body: Uint8Array<ArrayBuffer>): Promise<DecidedRequest> {
    // Those of a config with the first rules are just beginning.
    if (this.#lanes.some(({ purpose }) => purpose === 'rules')) await this.#begun('rules');
    const lane = this.#lightest('rules');
    if (lane === undefined) return failed(NO_RULES_THREAD);
    return new Promise((resolve) => {
      const ask = ++this.#asks;
      lane.decisions.set(ask, resolve);
      lane.outbox.postNow({ kind: 'decide', ask, body, ...request });
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
  scan(api: Api, body: Uint8Array<ArrayBuffer>, form?: string): Promise<Scanned> {
    // Where that lane has just died, any will do.
    const lane = this.#lightest('scan') ?? this.#lightest('watch');
    if (lane === undefined)
      return Promise.resolve(failed({ code: 'inspector_failed', why: 'no inspector is running' }));
    return new Promise((resolve) => {
      const ask = ++this.#asks;
      lane.scans.set(ask, resolve);
      lane.outbox.post({ kind: 'scan', ask, api, body, ...(form === undefined ? {} : { form }) });
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
    this.#tellWorld(lane);
    if (this.#revokedSessions !== undefined) lane.outbox.post(this.#revokedSessions);
    const ruleKeys = purpose === 'rules' ? this.#options.ruleKeys : undefined;
    pool.run({ port: port2, ruleKeys }, { transferList: [port2], signal: lane.ending.signal }).then(
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
    // A second `destroy` ends before the first one has: the pool then starts a thread in place of the one that goes.
    if (!this.#closing) void lane.pool.destroy();
    const exchanges = [...lane.exchanges.values()];
    const scans = [...lane.scans.values()];
    const gates = [...lane.gates.values()];
    const decisions = [...lane.decisions.values()];
    for (const waiting of [lane.exchanges, lane.scans, lane.gates, lane.decisions]) waiting.clear();
    // Gates first: an exchange that is refused says so in its record.
    for (const gate of gates) gate.refused({ code: 'inspector_failed', why: 'the thread of its rules died' }, []);
    for (const settle of decisions) settle(failed({ code: 'inspector_failed', why: 'the thread of its rules died' }));
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
        this.#options.onMade(message.resource, message.holding);
        return;
      }
      case 'inspected': {
        assert(typeof message.outcome.ok === 'boolean', 'an inspection has an outcome');
        lane.unreadBytes -= LANE_EXCHANGE_BYTES;
        // Forgotten after it was settled: where that fails, it is settled with all that the lane held.
        lane.exchanges.get(message.exchange)?.inspected(message.outcome);
        lane.exchanges.delete(message.exchange);
        lane.gates.delete(message.exchange);
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
      case 'decided': {
        const settle = lane.decisions.get(message.ask);
        lane.decisions.delete(message.ask);
        const { body, outcome } = message;
        settle?.(outcome.ok ? { ok: true, value: { decided: outcome.value, body } } : outcome);
        return;
      }
      case 'release':
        lane.gates.get(message.exchange)?.released(message);
        return;
      case 'refuse':
        lane.gates.get(message.exchange)?.refused(message.fault, message.verdicts);
        return;
      default:
        return unreachable(message);
    }
  }
}
