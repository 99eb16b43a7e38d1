import type { Closed, Opened } from '../contract/exchange.ts';
import type { Facts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
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
}

/** What the settler needs of the other rooms; a root hands it in. */
export interface SettlerParts {
  assemble(exchange: JournaledExchange, facts: Facts | undefined): ExchangeRecord;
  /** Hands a record on; false when there is no room, and the journal keeps it for later. */
  ship(record: ExchangeRecord): boolean;
  /** Reads an exchange of this process back from the journal, and inspects it. */
  reinspect(id: ExchangeId): Promise<{ exchange: JournaledExchange; outcome: Result<Facts, Fault> } | undefined>;
  /** Told of every record once, as it is first assembled. */
  onRecord(record: ExchangeRecord): void;
  log: Log;
}

/**
 * How many exchanges may wait to be read again, one caller's no more than it leaves room for others; beyond it the next
 * start's replay finds them in the journal.
 */
const REINSPECT_WAITING = 200_000;

/** An exchange that fails twice in an inspector is booked without facts: it must not kill inspectors for ever. */
const REINSPECT_ATTEMPTS = 2;

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

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** Exchanges that are not yet a record handed on. */
  get depth(): number {
    return this.#pending + this.#again.depth + (this.#working ? 1 : 0);
  }

  get refused(): number {
    return this.#again.refused;
  }

  /** An exchange with an inspector: settled when both halves are in. */
  open(opened: Opened, segment: number): Settling {
    this.#pending += 1;
    return new Settling(opened, segment, (closed, facts) => {
      this.#pending -= 1;
      if (facts === 'missed') this.#later({ id: opened.id, login: opened.login, attempts: 0 });
      else this.#record({ opened, segment, closed }, facts, 0);
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
    if (!this.#counted.delete(id)) this.#parts.onRecord(record);
    if (this.#parts.ship(record)) return;
    // No room: the record itself is dropped, the journal has all it is made of.
    this.#counted.add(id);
    this.#later({ id, login, attempts });
  }

  #later(what: Again): void {
    if (!this.#again.offer(what.login, what, 1)) return;
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let next = this.#again.take(); next !== undefined && !this.#stopped; next = this.#again.take()) {
        const { id, login } = next;
        const attempts = next.attempts + 1;
        const read = await this.#parts.reinspect(id);
        if (read === undefined) continue;
        const { exchange, outcome } = read;
        if (outcome.ok) this.#record(exchange, outcome.value, attempts);
        else if (attempts >= REINSPECT_ATTEMPTS) {
          this.#parts.log.error({ exchange: id, fault: outcome.fault.code }, 'booked without facts');
          this.#record(exchange, undefined, attempts);
        } else this.#later({ id, login, attempts });
        if (this.#counted.has(id)) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    } catch (error) {
      this.#parts.log.error(
        { error: errorChain(error) },
        'reading the journal again failed; the next start replays it',
      );
    } finally {
      this.#working = false;
    }
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
