/** A run of bytes of one segment that holds frames of an exchange, and maybe of others. */
export interface Extent {
  segment: number;
  offset: number;
  bytes: number;
}

/** Frames this close together are read in one go: a page costs no more than a part of it. */
export const JOIN_GAP_BYTES = 4096;

/** Where an index beyond this size is halved: about 16,000 runs, a stream of 50,000 events among busy neighbours. */
const INDEX_LIMIT_BYTES = 64 * 1024;

/** Three integers below 2^49, seven bits a byte. */
const MOST_BYTES_PER_RUN = 21;

/** Most exchanges are short and never need an index: their runs join. */
const NOTHING = Buffer.alloc(0);

/**
 * Where the frames of one exchange stand, in the order they were written. Runs are kept as variable-length integers
 * (3 to 6 bytes each), since a thousand streams of thousands of frames are live at once. An index that grows beyond its
 * bound gets coarser, never wrong: its runs then hold more frames of others, which a reader passes over.
 */
export class Places {
  #packed = NOTHING;
  #used = 0;
  /** The end of what is packed, which the next run is told relative to. */
  #packedSegment = 0;
  #packedEnd = 0;
  /** The run that still grows. */
  #segment = 0;
  #start = 0;
  #end = 0;

  /** Offsets within a segment must not go down, nor segments. */
  add(segment: number, offset: number, bytes: number): void {
    if (segment === this.#segment && offset - this.#end <= JOIN_GAP_BYTES) {
      this.#end = offset + bytes;
      return;
    }
    if (this.#end > this.#start) this.#pack();
    this.#segment = segment;
    this.#start = offset;
    this.#end = offset + bytes;
  }

  get indexBytes(): number {
    return this.#packed.length;
  }

  /** The runs so far; later additions do not show. */
  extents(): Extent[] {
    const extents = this.#unpack();
    if (this.#end > this.#start) {
      extents.push({ segment: this.#segment, offset: this.#start, bytes: this.#end - this.#start });
    }
    return extents;
  }

  /** The run that grew is done: it goes into the index. */
  #pack(): void {
    if (this.#isTight() && this.#packed.length >= INDEX_LIMIT_BYTES) this.#coarsen();
    // Also when it is as coarse as can be: then the exchange spans thousands of segments.
    if (this.#isTight()) this.#grow();
    this.#encode(this.#segment, this.#start, this.#end);
  }

  #isTight(): boolean {
    return this.#used + MOST_BYTES_PER_RUN > this.#packed.length;
  }

  #encode(segment: number, start: number, end: number): void {
    const moved = segment - this.#packedSegment;
    this.#put(moved);
    this.#put(moved === 0 ? start - this.#packedEnd : start);
    this.#put(end - start);
    this.#packedSegment = segment;
    this.#packedEnd = end;
  }

  #put(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#packed[this.#used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#packed[this.#used++] = rest;
  }

  #grow(): void {
    const larger = Buffer.alloc(Math.max(64, this.#packed.length * 2));
    this.#packed.copy(larger, 0, 0, this.#used);
    this.#packed = larger;
  }

  /** Joins neighbours two by two where they share a segment. */
  #coarsen(): void {
    const fine = this.#unpack();
    this.#used = 0;
    this.#packedSegment = 0;
    this.#packedEnd = 0;
    let pair: Extent | undefined;
    for (const run of fine) {
      if (pair?.segment === run.segment) {
        this.#encode(pair.segment, pair.offset, run.offset + run.bytes);
        pair = undefined;
        continue;
      }
      if (pair !== undefined) this.#encode(pair.segment, pair.offset, pair.offset + pair.bytes);
      pair = run;
    }
    if (pair !== undefined) this.#encode(pair.segment, pair.offset, pair.offset + pair.bytes);
  }

  #unpack(): Extent[] {
    const extents: Extent[] = [];
    let at = 0;
    const take = (): number => {
      let value = 0;
      let scale = 1;
      for (;;) {
        const byte = this.#packed[at++] ?? 0;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value;
        scale *= 0x80;
      }
    };
    let segment = 0;
    let end = 0;
    while (at < this.#used) {
      const moved = take();
      const start = take();
      const bytes = take();
      segment += moved;
      const offset = moved === 0 ? end + start : start;
      extents.push({ segment, offset, bytes });
      end = offset + bytes;
    }
    return extents;
  }
}
