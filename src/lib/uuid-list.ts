import { uuidAt, uuidBytes, UUID_BYTES } from './uuid7.ts';

const FIRST_IDS = 64;

/** Many UUIDs in the order in which they were added, in 16 bytes each. */
export class UuidList {
  #bytes = Buffer.alloc(0);
  count = 0;

  static of(ids: Iterable<string>): UuidList {
    const list = new UuidList();
    for (const id of ids) list.add(uuidBytes(id));
    return list;
  }

  /** `bytes` as `uuidBytes` makes them. */
  add(bytes: Uint8Array): void {
    const at = this.count * UUID_BYTES;
    if (at + UUID_BYTES > this.#bytes.length) this.#grow();
    this.#bytes.set(bytes, at);
    this.count += 1;
  }

  /** Removes it where it stands last; looks from the end, where what is removed usually is. */
  remove(bytes: Uint8Array): void {
    for (let at = (this.count - 1) * UUID_BYTES; at >= 0; at -= UUID_BYTES) {
      if (this.#bytes.compare(bytes, 0, UUID_BYTES, at, at + UUID_BYTES) !== 0) continue;
      this.#bytes.copyWithin(at, at + UUID_BYTES, this.count * UUID_BYTES);
      this.count -= 1;
      return;
    }
  }

  slice(from: number, to: number): string[] {
    const ids: string[] = [];
    for (let index = from; index < Math.min(to, this.count); index += 1) {
      ids.push(uuidAt(this.#bytes, index * UUID_BYTES));
    }
    return ids;
  }

  #grow(): void {
    const larger = Buffer.alloc(Math.max(FIRST_IDS * UUID_BYTES, this.#bytes.length * 2));
    this.#bytes.copy(larger);
    this.#bytes = larger;
  }
}
