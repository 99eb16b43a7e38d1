/** The most that systems hold of one connection at both of its ends, and twice that: what is followed by as much was read. */
const HELD_BYTES = 16 * 1024 * 1024;
/** The longest that a system goes on sending to somebody who is gone: 924 s on Linux. */
const HELD_MS = 20 * 60 * 1000;
/** Ids of what was sent a second time already. */
const REPEATED = 50_000;

/**
 * What was sent on a connection, counts as delivered, and may not have been read: the newest of it, as the receiver says
 * nothing. Should the connection break, it is to be sent again.
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

  /** All of it was read. */
  clear(): void {
    this.#sent = [];
    this.#bytes = 0;
  }

  /** All of it is to be sent again: the receiver did not read, and is tried less and less often. */
  takeAll(nowMs: number): string[] {
    const ids = this.#sent.filter(({ atMs }) => nowMs - atMs < HELD_MS).flatMap((each) => each.ids);
    this.clear();
    return ids;
  }

  /**
   * What is to be sent again after a reset. Each only once: a firewall that resets whatever has been idle for a while would
   * else have the same things sent for ever.
   */
  takeOnce(nowMs: number): string[] {
    const ids = this.takeAll(nowMs).filter((id) => !this.#repeated.has(id));
    for (const id of ids) this.#repeated.add(id);
    for (const id of this.#repeated) {
      if (this.#repeated.size <= REPEATED) break;
      this.#repeated.delete(id);
    }
    return ids;
  }
}
