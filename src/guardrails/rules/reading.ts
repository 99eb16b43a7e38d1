import { kindAt, WORD } from './view.ts';

/** A finder's answer: nothing begins here. Otherwise it is the index at which the match ends, or `MORE`. */
export const NONE = 0;
/** What follows decides. */
export const MORE = -1;

/** Finders look back as far, in characters of the text: less than what a window keeps, which may begin inside of a run. */
const BACK_CHARS = 48;

/** What finders read: a text as far as it has come, in the view that they share. */
export class Reading {
  readonly text: string;
  readonly end: number;
  readonly atEnd: boolean;
  readonly #indices: Uint32Array | undefined;

  constructor(text: string, atEnd: boolean, indices: Uint32Array | undefined) {
    this.text = text;
    this.end = text.length;
    this.atEnd = atEnd;
    this.#indices = indices;
  }

  kind(at: number): number {
    return kindAt(this.text, at);
  }

  /** Whether a finder that read up to `end` and the `ahead` characters after it wants to see more. */
  wants(end: number, ahead = 0): boolean {
    return !this.atEnd && end + ahead >= this.end;
  }

  /** What stands before. */
  before(at: number): string {
    if (this.#indices === undefined) return this.text.slice(Math.max(0, at - BACK_CHARS), at);
    const first = (this.#indices[at] ?? 0) - BACK_CHARS;
    let unit = at;
    while (unit > 0 && (this.#indices[unit - 1] ?? 0) >= first) unit -= 1;
    return this.text.slice(unit, at);
  }

  /** The end of the run of `kinds` that begins at `at`, or `at + most` if it is longer. */
  runEnd(at: number, kinds: number, most: number): number {
    const limit = Math.min(this.end, at + most);
    let to = at;
    while (to < limit && (this.kind(to) & kinds) !== 0) to += 1;
    return to;
  }

  /** Whether no word goes on at `at`: that of an end is one too. */
  wordEnds(at: number): boolean {
    return (this.kind(at) & WORD) === 0;
  }
}
