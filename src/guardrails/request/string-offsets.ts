const BACKSLASH = 0x5c;

/** A code unit that comes with the one behind it. */
function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/**
 * Finds the bytes of a JSON string behind indices of its text. Asked in ascending order: each call goes on where the last
 * one stood, so that all finds of a text cost one walk over it.
 */
export class StringOffsets {
  /** What stands between the quotes. */
  readonly #raw: string;
  #rawAt = 0;
  #textAt = 0;
  #byteAt = 0;

  constructor(raw: string) {
    this.#raw = raw;
  }

  /** Bytes from the opening quote on to `index`. Inside a character it is the character's `side`: none is ever halved. */
  byteOf(index: number, side: 'begin' | 'end'): number {
    while (this.#textAt < index) {
      const { units, chars, bytes } = this.#next();
      if (this.#textAt + units > index && side === 'begin') break;
      this.#textAt += units;
      this.#rawAt += chars;
      this.#byteAt += bytes;
    }
    return this.#byteAt;
  }

  /** Of what comes next: UTF-16 units of text, characters of the JSON, bytes. */
  #next(): { units: number; chars: number; bytes: number } {
    const unit = this.#raw.charCodeAt(this.#rawAt);
    if (unit === BACKSLASH) {
      const chars = this.#raw[this.#rawAt + 1] === 'u' ? 6 : 2;
      return { units: 1, chars, bytes: chars };
    }
    if (isHighSurrogate(unit)) return { units: 2, chars: 2, bytes: 4 };
    return { units: 1, chars: 1, bytes: unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3 };
  }
}

/** The same for a text whose bytes are at hand: indices of its UTF-16 units behind bytes of its UTF-8, in ascending order. */
export class TextOffsets {
  readonly #bytes: Buffer;
  #byteAt = 0;
  #index = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  indexOf(byte: number): number {
    this.#index += this.#bytes.toString('utf8', this.#byteAt, byte).length;
    this.#byteAt = byte;
    return this.#index;
  }
}
