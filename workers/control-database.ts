import type { Pool } from 'pg';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { CONTROL_CHANNEL, createControlStore } from '../src/store/control.ts';
import type { ControlStore } from '../src/store/control.ts';
import { migrate, openPool } from '../src/store/database.ts';
import type { DatabaseAddress } from '../src/store/database.ts';
import { createHoldStore } from '../src/store/holds.ts';
import type { HoldStore } from '../src/store/holds.ts';
import { listen } from '../src/store/listen.ts';
import type { Listening } from '../src/store/listen.ts';

export interface ControlDatabaseParts {
  clock: Clock;
  log: Log;
  /** Takes over what the store has; rejects when it is away. */
  onLook: () => Promise<void>;
}

interface Opened {
  pool: Pool;
  store: ControlStore;
  holds: HoldStore;
  listening: Listening;
}

/** One for what is looked at each turn, one for an admin who reads. */
const CONNECTIONS = 2;
const STATEMENT_MS = 5_000;
const CONNECT_MS = 2_000;
/** A notice comes sooner; this finds what it missed. */
const LOOK_EVERY_MS = 500;
const LOG_EVERY_MS = 60_000;

/** The database as the thread of control state has it: it may be told where late, be away, and come back. */
export class ControlDatabase {
  readonly #parts: ControlDatabaseParts;
  #opened: Opened | undefined;
  #migrated = false;
  #wake = (): void => undefined;
  #complainedAtMs = 0;
  #closed = false;

  constructor(parts: ControlDatabaseParts) {
    this.#parts = parts;
  }

  /** Undefined while it starts, as the others are. */
  get pool(): Pool | undefined {
    return this.#opened?.pool;
  }

  get store(): ControlStore | undefined {
    return this.#opened?.store;
  }

  get holds(): HoldStore | undefined {
    return this.#opened?.holds;
  }

  /** Where it is; only the first word counts. */
  open(address: DatabaseAddress): void {
    if (this.#opened !== undefined) return;
    const pool = openPool(address, {
      name: 'control',
      max: CONNECTIONS,
      statementMs: STATEMENT_MS,
      waitMs: CONNECT_MS,
      onError: (error) => {
        this.complain(error);
      },
    });
    const listening = listen(address, CONTROL_CHANNEL, () => {
      this.wake();
    });
    this.#opened = { pool, store: createControlStore(pool), holds: createHoldStore(pool), listening };
    this.wake();
  }

  /** One look at the store; false when it is away. */
  async look(): Promise<boolean> {
    if (this.#opened === undefined) return false;
    try {
      if (!this.#migrated) await migrate(this.#opened.pool);
      this.#migrated = true;
      await this.#parts.onLook();
      if (this.#complainedAtMs > 0) this.#parts.log.info({}, 'the database is back');
      this.#complainedAtMs = 0;
      return true;
    } catch (error) {
      this.complain(error);
      return false;
    }
  }

  /** Looks until the store has answered, `withinMs` at most. */
  async reach(withinMs: number): Promise<void> {
    const { clock } = this.#parts;
    const untilMs = clock.nowMs() + withinMs;
    while (!this.#closed && clock.nowMs() < untilMs) {
      if (await this.look()) return;
      await this.#pause();
    }
  }

  /** Looks, each time by `inTurn`, until it is closed. */
  async watch(inTurn: (look: () => Promise<boolean>) => Promise<unknown>): Promise<void> {
    while (!this.#closed) {
      await inTurn(() => this.look());
      await this.#pause();
    }
  }

  /** The next look is now. */
  wake(): void {
    this.#wake();
  }

  complain(error: unknown): void {
    const { clock, log } = this.#parts;
    if (clock.nowMs() - this.#complainedAtMs < LOG_EVERY_MS) return;
    this.#complainedAtMs = clock.nowMs();
    log.warn({ error: errorChain(error) }, 'the database is away or failing; what was known last goes on to hold');
  }

  /** No further look; what is under way ends first. */
  stop(): void {
    this.#closed = true;
    this.wake();
  }

  async close(): Promise<void> {
    await this.#opened?.listening.close();
    await this.#opened?.pool.end();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_EVERY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
