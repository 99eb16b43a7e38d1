import type { CaptureJournal, CaptureOrder, CaptureSettings, FromCapture, ToCapture } from '../capture/messages.ts';
import type { PostFacts } from '../contract/guardrail.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { CAPTURES_WAITING, CAPTURE_PLACES_WAITING } from '../contract/limits.ts';
import { FairQueue } from '../lib/fair-queue.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';
import { Drained } from './drained.ts';
import { RESTART_MS, RestartedThread } from './restarted-thread.ts';

/**
 * Orders in the thread's hands at once, in number and in bytes of the journal; the others wait here, where callers take
 * turns. What one of them has in hand is what another has to wait for: 4 MiB are captured in about half a second.
 */
const ORDERS_AT_ONCE = 1024;
const BYTES_AT_ONCE = 4 * 1024 * 1024;
/** What one caller may hand over before the next has its turn. */
const TURN_BYTES = 1024 * 1024;

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
  /** One more exchange of a journal's segment is to be captured. */
  onWanted(gateway: string, segment: number, id: ExchangeId): void;
  /** It will not be after all. */
  onUnwanted(gateway: string, segment: number, id: ExchangeId): void;
  /** An order whose record is not there yet comes again after this long. */
  earlyMs?: number;
}

/** Orders that hold what a record says of them: about 6 KiB each. */
const POST_FACTS_WAITING = 10_000;

/** A record is there within seconds where nothing is away. */
const EARLY_MS = 5_000;
/** Whose turn it then is: nobody's of whom others could be kept waiting. */
const EARLY = '(early)';

/** An exchange of this process that is to be captured, and whose it is. */
export interface Wanted {
  id: ExchangeId;
  segment: number;
  login: string;
  /** Where hooks are told of it (`Opened.hooks`), what its record says. */
  post?: PostFacts;
}

/**
 * The thread that makes captures of what the journal holds. A segment of the journal waits for them as it does for the
 * records: what a thread that died had in hand is ordered again, and what there is no room for, the next start's replay
 * orders.
 */
export class CaptureThread {
  readonly #options: CaptureThreadOptions;
  readonly #waiting = new FairQueue<CaptureOrder>({
    name: 'captures',
    capacity: CAPTURES_WAITING,
    // Where an exchange stands takes the same room, however long it is.
    capacitySize: Number.POSITIVE_INFINITY,
    quantum: TURN_BYTES,
  });
  /** From when they are wanted until they are in the database, or given up here. */
  readonly #underWay = new Set<ExchangeId>();
  readonly #inHand = new Map<ExchangeId, CaptureOrder>();
  #bytesInHand = 0;
  /** Ended in this turn of the loop: their frames are written at its end. */
  #fresh: Wanted[] = [];
  readonly #thread: RestartedThread<ToCapture, FromCapture>;
  /** Taken back, until their records are there. */
  readonly #early = new Map<ExchangeId, NodeJS.Timeout>();
  readonly #drained = new Drained<number>();
  #timer: NodeJS.Timeout | undefined;
  #settings: CaptureSettings;
  /** Extents of the orders that wait or are in hand. */
  places = 0;
  #refusedPlaces = 0;
  unreadable = 0;

  constructor(options: CaptureThreadOptions, settings: CaptureSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#thread = new RestartedThread({
      file: options.file,
      data: () => options.workerData,
      name: 'the capture thread',
      log: options.log,
      onTold: (message) => {
        this.#deliver(message);
      },
      onStarted: () => {
        this.#post({ kind: 'settings', settings: this.#settings });
        if (this.#inHand.size > 0) this.#post({ kind: 'capture', orders: [...this.#inHand.values()] });
        this.#next();
      },
      onDied: () => {
        this.#drained.settle(this.#leftWith(this.#inHand.size));
      },
    });
    this.#thread.start();
  }

  /** Exchanges that are to be captured and are not yet. */
  get waiting(): number {
    return this.#fresh.length + this.#waiting.depth + this.#inHand.size + this.#early.size;
  }

  /** Left to the journal, for want of room. */
  get refused(): number {
    return this.#waiting.refused + this.#refusedPlaces;
  }

  /** The exchange is to be captured, and is not yet. */
  isUnderWay(id: ExchangeId): boolean {
    return this.#underWay.has(id);
  }

  reconfigure(settings: CaptureSettings): void {
    this.#settings = settings;
    this.#post({ kind: 'settings', settings });
  }

  /** An exchange of this process has ended. Call it before its record is handed on. */
  want(wanted: Wanted): void {
    if (!this.#settings.keep && wanted.post === undefined) return;
    this.#options.onWanted(this.#options.journal.gateway, wanted.segment, wanted.id);
    this.#underWay.add(wanted.id);
    this.#fresh.push(wanted);
    if (this.#fresh.length > 1) return;
    setImmediate(() => {
      const fresh = this.#fresh;
      this.#fresh = [];
      for (const each of fresh) void this.#order(each);
    });
  }

  /** An exchange of an earlier process, as the replay found it. */
  wantStored(order: CaptureOrder, login: string): void {
    if (!this.#settings.keep && order.hooked !== true) return;
    this.#options.onWanted(order.journal.gateway, order.segment, order.id);
    this.orderAgain(order, login);
  }

  /** One whose capture was lost on its way to the database. */
  orderAgain(order: CaptureOrder, login: string): void {
    this.#underWay.add(order.id);
    this.#offer(order, login);
  }

  /** Hands over what waits; resolves with the number of exchanges that only the journal has. */
  drain(withinMs: number): Promise<number> {
    if (this.waiting === 0) return Promise.resolve(0);
    this.#next();
    return this.#drained.within(
      withinMs + RESTART_MS,
      () => this.#thread.post({ kind: 'drain', withinMs }),
      () => this.waiting,
    );
  }

  async close(): Promise<void> {
    for (const timer of this.#early.values()) clearTimeout(timer);
    await this.#thread.close();
  }

  async #order({ id, segment, login, post }: Wanted): Promise<void> {
    const extents = await this.#options.extentsOf(id);
    const { journal } = this.#options;
    if (extents === undefined || extents.length === 0) this.#lost({ id, journal, segment });
    else this.#offer({ id, journal, segment, extents, ...this.#hooked(post) }, login);
  }

  /** Where much waits, records wait less long than captures: they are looked up. */
  #hooked(post: PostFacts | undefined): Pick<CaptureOrder, 'hooked' | 'post'> {
    if (post === undefined) return {};
    return this.#waiting.depth < POST_FACTS_WAITING ? { hooked: true, post } : { hooked: true };
  }

  #orderLater(order: CaptureOrder): void {
    const timer = setTimeout(() => {
      this.#early.delete(order.id);
      this.#offer({ ...order, waited: (order.waited ?? 0) + 1 }, EARLY);
    }, this.#options.earlyMs ?? EARLY_MS);
    this.#early.set(order.id, timer);
  }

  #offer(order: CaptureOrder, login: string): void {
    if (!this.#hasPlaces(order) || !this.#waiting.offer(login, order, bytesOf(order))) {
      this.#underWay.delete(order.id);
      return;
    }
    this.places += order.extents.length;
    this.#timer ??= setTimeout(() => {
      this.#next();
    }, GATHER_MS);
  }

  #hasPlaces({ extents }: CaptureOrder): boolean {
    if (this.places + extents.length <= CAPTURE_PLACES_WAITING) return true;
    this.#refusedPlaces += 1;
    return false;
  }

  #lost({ id, journal, segment }: Pick<CaptureOrder, 'id' | 'journal' | 'segment'>): void {
    this.unreadable += 1;
    this.#underWay.delete(id);
    this.#options.onUnwanted(journal.gateway, segment, id);
  }

  #done(id: ExchangeId): CaptureOrder | undefined {
    const order = this.#inHand.get(id);
    if (order === undefined) return undefined;
    this.#inHand.delete(id);
    this.#bytesInHand -= bytesOf(order);
    this.places -= order.extents.length;
    return order;
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#thread.isRunning) return;
    const orders: CaptureOrder[] = [];
    while (this.#inHand.size < ORDERS_AT_ONCE && this.#bytesInHand < BYTES_AT_ONCE) {
      const order = this.#waiting.take();
      if (order === undefined) break;
      if (this.#inHand.has(order.id)) {
        this.places -= order.extents.length;
        continue;
      }
      this.#inHand.set(order.id, order);
      this.#bytesInHand += bytesOf(order);
      orders.push(order);
    }
    if (orders.length > 0) this.#post({ kind: 'capture', orders });
  }

  #post(message: ToCapture): void {
    this.#thread.post(message);
  }

  /** Exchanges that only the journal has, where so many are in the thread's hands. */
  #leftWith(inHand: number): number {
    return inHand + this.#waiting.depth + this.#early.size;
  }

  #deliver(message: FromCapture): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'captured':
        for (const id of message.ids) {
          this.#done(id);
          this.#underWay.delete(id);
        }
        this.#next();
        return;
      case 'unreadable':
        for (const id of message.ids) {
          const order = this.#done(id);
          if (order !== undefined) this.#lost(order);
        }
        this.#next();
        return;
      case 'early':
        for (const id of message.ids) {
          const order = this.#done(id);
          if (order !== undefined) this.#orderLater(order);
        }
        this.#next();
        return;
      case 'drained':
        this.#drained.settle(this.#leftWith(message.left));
        return;
      default:
        return unreachable(message);
    }
  }
}

function bytesOf({ extents }: CaptureOrder): number {
  return extents.reduce((sum, { bytes }) => sum + bytes, 0);
}
