import { isUtf8 } from 'node:buffer';

/** On the way to a bad byte, valid text is skipped natively in blocks of this size; only its block is read slowly. */
const BLOCK_BYTES = 4096;

/** Bytes that a sequence with this lead byte has. */
function sequenceBytes(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
}

/** How many bytes at the end belong to a sequence that goes on. */
function unfinishedTail(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const c = bytes[bytes.length - back] ?? 0;
    if (c < 0x80) return 0;
    if (c >= 0xc0) return sequenceBytes(c) > back ? back : 0;
  }
  return 0;
}

/** Where the first sequence begins that is not UTF-8, in bytes that `isUtf8` refused. */
function firstBadByte(bytes: Uint8Array): number {
  let from = 0;
  while (from < bytes.length) {
    const block = bytes.subarray(from, from + BLOCK_BYTES);
    const whole = block.subarray(0, block.length - unfinishedTail(block));
    if (whole.length === 0 || !isUtf8(whole)) break;
    from += whole.length;
  }
  while (from < bytes.length) {
    const length = sequenceBytes(bytes[from] ?? 0);
    if (!isUtf8(bytes.subarray(from, from + length))) return from;
    from += length;
  }
  return from;
}

/** Checks bytes that arrive in any chunking for valid UTF-8. Keeps at most three of them, copied. */
export class Utf8Check {
  #offset = 0;
  #carry: number[] = [];

  /** The offset in the whole text of the first sequence that is not UTF-8; undefined while all is well. */
  push(bytes: Uint8Array): number | undefined {
    let from = 0;
    const lead = this.#carry[0];
    if (lead !== undefined) {
      const sequenceAt = this.#offset - this.#carry.length;
      const length = sequenceBytes(lead);
      while (this.#carry.length < length && from < bytes.length) {
        const c = bytes[from] ?? 0;
        if (c < 0x80 || c > 0xbf) return sequenceAt;
        this.#carry.push(c);
        from += 1;
      }
      if (this.#carry.length === length) {
        if (!isUtf8(Uint8Array.from(this.#carry))) return sequenceAt;
        this.#carry = [];
      }
    }
    const rest = from === 0 ? bytes : bytes.subarray(from);
    const tail = unfinishedTail(rest);
    const whole = tail === 0 ? rest : rest.subarray(0, rest.length - tail);
    if (!isUtf8(whole)) return this.#offset + from + firstBadByte(whole);
    if (tail > 0) this.#carry = Array.from(rest.subarray(rest.length - tail));
    this.#offset += bytes.length;
    return undefined;
  }

  /** The offset of a sequence that was never finished; undefined when there is none. */
  end(): number | undefined {
    return this.#carry.length > 0 ? this.#offset - this.#carry.length : undefined;
  }
}
