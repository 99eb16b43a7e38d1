import type { Closed, Opened } from '../contract/exchange.ts';
import type { Facts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import type { Remains } from './assemble.ts';
import { FairQueue } from '../lib/fair-queue.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import type { Result } from '../lib/result.ts';

/** One exchange as the journal has it. */
export interface JournaledExchange {
  opened: Opened;
  segment: number;
  closed: Closed | undefined;
  /** What the journal still tells where the end is missing. */
  remains?: Remains;
  /** Frames that the journal dropped or lost. */
  missingFrames?: number;
  /** Undefined when it was not charged yet: its record is first made now. */
  charged?: Charged | undefined;
}

/** What the settler needs of the other rooms; a root hands it in. */
export interface SettlerParts {
  assemble(exchange: JournaledExchange, facts: Facts | undefined): ExchangeRecord;
  /** Hands a record on; false when there is no room, and the journal keeps it for later. */
  ship(record: ExchangeRecord): boolean;
  /** Reads an exchange of this process back from the journal, and inspects it. */
  reinspect(id: ExchangeId): Promise<{ exchange: JournaledExchange; outcome: Result<Facts, Fault> } | undefined>;
  /**
   * This process is done with it and makes no record: there was no room to remember it, or it could not be read. If it is
   * in the journal, the next start finds it there.
   */
  left(id: ExchangeId): void;
  /** Told of every record once, as it is first assembled. */
  onRecord(record: ExchangeRecord, opened: Opened): void;
  log: Log;
}

/**
 * How many exchanges may wait to be read again, one caller's no more than it leaves room for others; beyond it the next
 * start's replay finds them in the journal.
 */
const REINSPECT_WAITING = 200_000;

/**
 * An exchange that fails so often in inspectors is booked without facts: it must not kill them for ever. More than twice,
 * as a thread may die of what another exchange does.
 */
const REINSPECT_ATTEMPTS = 4;

/** Pause before what could not be shipped is tried again. */
const RETRY_MS = 1000;

interface Again {
  id: ExchangeId;
  login: string;
  attempts: number;
}

/**
 * Brings together what the wire knows of an exchange and what an inspector read of it, and makes exactly one record of
 * it. What no inspector could read, and what the queue had no room for, is read again from the journal.
 */
export class Settler {
  readonly #parts: SettlerParts;
  /** Callers take turns: what one could not be read of for its sheer load delays nobody else's. */
  readonly #again = new FairQueue<Again>({
    name: 'reinspect',
    capacity: REINSPECT_WAITING,
    capacitySize: REINSPECT_WAITING,
    quantum: 1,
  });
  readonly #counted = new Set<ExchangeId>();
  #working = false;
  #pending = 0;
  #stopped = false;
  /** Exchanges that have no record and will have none. */
  lost = 0;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** Exchanges that are not yet a record handed on. */
  get depth(): number {
    return this.#pending + this.#again.depth + (this.#working ? 1 : 0);
  }

  /** Left to the next start, for want of room. */
  get refused(): number {
    return this.#again.refused;
  }

  /** Exchanges that are to be read again from the journal. */
  get toRead(): number {
    return this.#again.depth;
  }

  /** An exchange with an inspector: settled when both halves are in. */
  open(opened: Opened, segment: number): Settling {
    this.#pending += 1;
    return new Settling(opened, segment, (closed, facts) => {
      this.#pending -= 1;
      if (facts === 'missed') this.#later({ id: opened.id, login: opened.login, attempts: 0 });
      else this.#recordOrRead({ opened, segment, closed }, facts, 0);
    });
  }

  /** An exchange that never reached a provider: its record needs no inspector. */
  denied(opened: Opened, segment: number, closed: Closed): void {
    this.#record({ opened, segment, closed }, undefined, 0);
  }

  /** A record that was taken and then could not be handed on. */
  again(id: ExchangeId, login: string): void {
    this.#counted.add(id);
    this.#later({ id, login, attempts: 0 });
  }

  stop(): void {
    this.#stopped = true;
  }

  #record(exchange: JournaledExchange, facts: Facts | undefined, attempts: number): void {
    const record = this.#parts.assemble(exchange, facts);
    const { id, login } = exchange.opened;
    if (!this.#counted.delete(id)) this.#parts.onRecord(record, exchange.opened);
    if (this.#parts.ship(record)) return;
    // No room: the record itself is dropped, the journal has all it is made of.
    this.#counted.add(id);
    this.#later({ id, login, attempts });
  }

  /** Facts of which no record can be made are as good as none: the exchange is read again, and then booked without. */
  #recordOrRead(exchange: JournaledExchange, facts: Facts | undefined, attempts: number): void {
    const { id, login } = exchange.opened;
    try {
      this.#record(exchange, facts, attempts);
    } catch (error) {
      if (facts === undefined) throw error;
      this.#parts.log.error({ exchange: id, error: errorChain(error) }, 'facts that make no record');
      if (attempts < REINSPECT_ATTEMPTS) this.#later({ id, login, attempts });
      else this.#record(exchange, undefined, attempts);
    }
  }

  #later(what: Again): void {
    if (!this.#again.offer(what.login, what, 1)) {
      this.#counted.delete(what.id);
      this.#parts.left(what.id);
      return;
    }
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let next = this.#again.take(); next !== undefined && !this.#stopped; next = this.#again.take()) {
      const { id } = next;
      try {
        await this.#readAgain(next, next.attempts + 1);
      } catch (error) {
        this.#counted.delete(id);
        this.#parts.log.error(
          { exchange: id, error: errorChain(error) },
          'reading the journal again failed; the next start replays it',
        );
        this.#parts.left(id);
      }
      if (this.#counted.has(id)) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.#working = false;
  }

  async #readAgain({ id, login }: Again, attempts: number): Promise<void> {
    const read = await this.#parts.reinspect(id);
    if (read === undefined) {
      // Its `opened` frame was lost to a sick disk, and the queue had no room for what was in memory.
      this.lost += 1;
      this.#counted.delete(id);
      this.#parts.log.error({ exchange: id }, 'an exchange is in the journal no more: it gets no record');
      this.#parts.left(id);
      return;
    }
    const { exchange, outcome } = read;
    if (outcome.ok) this.#recordOrRead(exchange, outcome.value, attempts);
    else if (attempts >= REINSPECT_ATTEMPTS) {
      this.#parts.log.error({ exchange: id, fault: outcome.fault.code }, 'booked without facts');
      this.#record(exchange, undefined, attempts);
    } else this.#later({ id, login, attempts });
  }
}

/** One exchange on its way to a record. */
export class Settling {
  readonly #done: (closed: Closed, facts: Facts | undefined | 'missed') => void;
  readonly opened: Opened;
  readonly segment: number;
  #closed: Closed | undefined;
  #facts: { value: Facts | undefined | 'missed' } | undefined;
  #over = false;

  constructor(opened: Opened, segment: number, done: (closed: Closed, facts: Facts | undefined | 'missed') => void) {
    this.opened = opened;
    this.segment = segment;
    this.#done = done;
  }

  closed(closed: Closed): void {
    this.#closed ??= closed;
    this.#settle();
  }

  inspected(outcome: Result<Facts, Fault>): void {
    this.#facts ??= { value: outcome.ok ? outcome.value : 'missed' };
    this.#settle();
  }

  missed(): void {
    this.#facts ??= { value: 'missed' };
    this.#settle();
  }

  #settle(): void {
    if (this.#over || this.#closed === undefined || this.#facts === undefined) return;
    this.#over = true;
    this.#done(this.#closed, this.#facts.value);
  }
}
