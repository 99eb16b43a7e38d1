import type { WriteJob } from './writer.ts';

/**
 * Called once the frames before it are in the journal (`written`), or when it will not wait for that: in `behind` mode,
 * or because frames of this exchange were dropped or lost (`unwritten`).
 */
export type Release = (how: 'written' | 'unwritten') => void;

/** What the journal knows of a live exchange's waiting. */
export interface Waiter {
  /** Writes under way that carry frames of this exchange. */
  jobs: WriteJob[];
  /** Releases that wait for one of them, in order. */
  held: { release: Release; afterJob: number }[];
  /** Releases that have not run, held or about to be looked at. */
  queued: number;
  /** Frames that will never be in the file. */
  missing: number;
}

/**
 * Runs releases in order per exchange. Those of one turn are looked at together after the turn's frames are written; one
 * whose exchange has a write under way is held until that is done, and others pass it.
 */
export class Releases {
  #due: { waiter: Waiter; release: Release }[] = [];
  readonly #holding = new Set<Waiter>();
  /** When false, nothing waits for the disk. */
  #strict: boolean;

  constructor(strict: boolean) {
    this.#strict = strict;
  }

  get heldBack(): number {
    let count = 0;
    for (const waiter of this.#holding) count += waiter.held.length;
    return count;
  }

  /** True when `endTurn` has to be called. */
  add(waiter: Waiter, release: Release): boolean {
    waiter.queued += 1;
    if (!this.#strict && waiter.queued === 1) {
      this.#run(waiter, release);
      return false;
    }
    this.#due.push({ waiter, release });
    return true;
  }

  /** After the frames of the turn were written or handed to a job with a number up to `lastJob`. */
  endTurn(lastJob: number): void {
    const due = this.#due;
    this.#due = [];
    for (const { waiter, release } of due) {
      if (this.#strict && (waiter.held.length > 0 || waiter.jobs.length > 0)) {
        waiter.held.push({ release, afterJob: lastJob });
        this.#holding.add(waiter);
      } else this.#run(waiter, release);
    }
  }

  /** After a job of this exchange is done. */
  advance(waiter: Waiter): void {
    while (this.#strict) {
      const [next] = waiter.held;
      if (next === undefined || waiter.jobs.some((job) => job.number <= next.afterJob)) break;
      waiter.held.shift();
      this.#run(waiter, next.release);
    }
    if (waiter.held.length === 0) this.#holding.delete(waiter);
  }

  /** From now on releases wait for the disk, or they do not; those held are then let go. */
  setStrict(strict: boolean): void {
    this.#strict = strict;
    if (strict) return;
    for (const waiter of this.#holding) {
      for (const { release } of waiter.held.splice(0)) this.#run(waiter, release);
    }
    this.#holding.clear();
  }

  /** One exchange's mistake must not keep back another's bytes: the error surfaces by itself. */
  #run(waiter: Waiter, release: Release): void {
    waiter.queued -= 1;
    try {
      release(this.#strict && waiter.missing === 0 ? 'written' : 'unwritten');
    } catch (error) {
      queueMicrotask(() => {
        throw new Error('what waited for the journal failed', { cause: error });
      });
    }
  }
}
