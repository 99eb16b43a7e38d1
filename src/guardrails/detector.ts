/** A find in a text: a half-open range of UTF-16 indices. */
export interface TextMatch {
  start: number;
  end: number;
  /** `email`, `national_id`, the name of a pattern: what the verdict counts by. Lower case, digits and `_`. */
  kind: string;
}

/** What a detector says of a text, as far as it has come. */
export interface Found {
  matches: TextMatch[];
  settled: number;
  /** The kind of a match that outgrew the window and goes on at `settled`; to be handed back with the text that follows. */
  open?: string | undefined;
}

/**
 * Finds what one rule looks for. Pure, and linear in the text. What it finds does not depend on how the text is cut:
 * called again and again with more text, it finds what it would have found in the whole.
 */
export interface TextDetector {
  /**
   * Judges `text` from index `from` on; what stands before it was judged and is there for context (at least
   * `CONTEXT_CHARS` where there were as many). Returns the matches that begin at or after `from` and end at or before
   * `settled`, in order and without overlap, and `settled`: no match begins before it that is not told, whatever text may
   * follow. `atEnd`: nothing follows, so `settled` is the text's length. Never holds back more than `WINDOW_CHARS`.
   * `open`: what the call before said is going on at `from`.
   */
  find(text: string, from: number, atEnd: boolean, open?: string): Found;
}

/** What a detector may look at before a match. */
export const CONTEXT_CHARS = 64;
