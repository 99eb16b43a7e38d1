import { unreachable } from '../../lib/result.ts';
import type { Ending } from './connection.ts';

/** The most that systems hold of one connection at both of its ends, and more: what is followed by as much was read. */
const HELD_BYTES = 16 * 1024 * 1024;
/** The longest that a system goes on sending to somebody who is gone: 924 s on Linux. */
const HELD_MS = 20 * 60 * 1000;
/**
 * Who closes has read what its system had. What it read just before, it may not have kept: it may have been stopped. Shorter than
 * receivers and what stands before them leave a connection idle before they close it.
 */
const READ_MS = 30 * 1000;
/** Ids of what was sent a second time already. */
const REPEATED = 50_000;

/**
 * What was sent on a connection, counts as delivered, and may be lost: the newest of it, as the receiver says nothing. Should
 * the connection end, it is to be sent again.
 */
export class Unproven {
  #sent: { ids: readonly string[]; bytes: number; atMs: number }[] = [];
  #bytes = 0;
  readonly #repeated = new Set<string>();

  add(ids: readonly string[], bytes: number, atMs: number): void {
    this.#sent.push({ ids, bytes, atMs });
    this.#bytes += bytes;
    for (let oldest = this.#sent[0]; oldest !== undefined; oldest = this.#sent[0]) {
      if (this.#bytes - oldest.bytes < HELD_BYTES && atMs - oldest.atMs < HELD_MS) return;
      this.#bytes -= oldest.bytes;
      this.#sent.shift();
    }
  }

  /** What is to be sent again when the connection has ended so. */
  take(ending: Ending, nowMs: number): string[] {
    const since = (ms: number): string[] =>
      this.#sent.filter(({ atMs }) => nowMs - atMs < ms).flatMap(({ ids }) => ids);
    const taken = (): string[] => {
      switch (ending) {
        case 'closed':
          return this.#once(since(READ_MS));
        case 'reset':
          return this.#once(since(HELD_MS));
        // A failed attempt, after which the next comes ever later.
        case 'slow':
          return since(HELD_MS);
        default:
          return unreachable(ending);
      }
    };
    const ids = taken();
    this.clear();
    return ids;
  }

  clear(): void {
    this.#sent = [];
    this.#bytes = 0;
  }

  /** A firewall that resets whatever has been idle for a while would else have the same things sent for ever. */
  #once(ids: readonly string[]): string[] {
    const fresh = ids.filter((id) => !this.#repeated.has(id));
    for (const id of fresh) this.#repeated.add(id);
    for (const id of this.#repeated) {
      if (this.#repeated.size <= REPEATED) break;
      this.#repeated.delete(id);
    }
    return fresh;
  }
}
