/** Marks of one pace, at most: enough for a picture of any stream, and 4 KiB of memory. */
export const PACE_MARKS = 256;

/** So many bytes had come when so much time had passed. */
export type PaceMark = [bytes: number, ms: number];

/**
 * When the bytes of a stream came, in whole milliseconds. Time is cut into slots of equal length, and a slot's mark is what
 * had come by its last byte. Slots begin with a millisecond; when the marks are too many, slots become twice as long until
 * half of the marks are enough, however long the stream becomes: so a byte is at most a sixtieth of the whole time late
 * in the picture. The first mark stays as it was, and the last one is always the last byte's.
 */
export class Pace {
  /** Bytes and time by turns: half of what pairs would take. */
  #marks: number[] = [];
  #slotMs = 1;
  /** Until then the last mark moves along. */
  #slotEndMs = 0;

  /** On the wire path: mostly a comparison and two writes. Neither number is ever less than the one before it. */
  note(bytes: number, ms: number): void {
    if (ms < this.#slotEndMs) {
      this.#marks[this.#marks.length - 2] = bytes;
      this.#marks[this.#marks.length - 1] = ms;
      return;
    }
    this.#marks.push(bytes, ms);
    // Nothing moves the first mark.
    if (this.#marks.length === 2) return;
    if (this.#marks.length > 2 * PACE_MARKS) this.#thin();
    this.#slotEndMs = (this.#slotOf(ms) + 1) * this.#slotMs;
  }

  /** The marks as differences: bytes and time since the mark before, by turns. */
  packed(): number[] {
    return this.#marks.map((value, at) => value - (this.#marks[at - 2] ?? 0));
  }

  #thin(): void {
    while (this.#marks.length > PACE_MARKS) {
      this.#slotMs *= 2;
      this.#marks = this.#marks.filter((_, at) => at < 2 || !this.#isOvertaken(at - (at % 2)));
    }
  }

  /** The next mark is of the same slot. */
  #isOvertaken(at: number): boolean {
    const [ms, next] = [this.#marks[at + 1], this.#marks[at + 3]];
    return ms !== undefined && next !== undefined && this.#slotOf(ms) === this.#slotOf(next);
  }

  #slotOf(ms: number): number {
    return Math.floor(ms / this.#slotMs);
  }
}

/** The marks of a packed pace. */
export function paceMarks(packed: readonly number[]): PaceMark[] {
  const marks: PaceMark[] = [];
  let [bytes, ms] = [0, 0];
  for (let at = 0; at + 1 < packed.length; at += 2) {
    bytes += packed[at] ?? 0;
    ms += packed[at + 1] ?? 0;
    marks.push([bytes, ms]);
  }
  return marks;
}
