import { RE2JS } from 're2js';
import { CONTEXT_CHARS } from '../detector.ts';
import type { Found, TextDetector, TextMatch } from '../detector.ts';

/**
 * One pattern in RE2's syntax. A match may be `window` characters long; a longer one is none, as a stream could not hold
 * it back. Whether one begins at a place is judged by the window from there on and one character more, whatever follows;
 * so what is found does not depend on how the text comes. For that the last `window` characters wait.
 */
export class PatternDetector implements TextDetector {
  readonly #name: string;
  readonly #pattern: RE2JS;
  readonly #window: number;

  constructor(name: string, pattern: string, window: number) {
    this.#name = name;
    this.#window = window;
    try {
      this.#pattern = RE2JS.compile(pattern);
    } catch (error) {
      throw new Error(`pattern ${name}: ${error instanceof Error ? error.message : 'cannot be compiled'}`, {
        cause: error,
      });
    }
    if (this.#pattern.matcher('').find())
      throw new Error(`pattern ${name} matches an empty text, so it would match everywhere`);
  }

  find(text: string, from: number, atEnd: boolean): Found {
    const matches: TextMatch[] = [];
    /** Matches that begin before it can be judged. */
    const limit = atEnd ? text.length : Math.max(from, text.length - this.#window);
    let at = from;
    while (at < limit) {
      const found = this.#first(text, at, limit);
      if (found === undefined) break;
      const end = this.#endAt(text, found.start, found.pieceEnd, found.end);
      if (end !== undefined) matches.push({ start: found.start, end, kind: this.#name });
      at = end ?? found.start + 1;
    }
    return { matches, settled: Math.max(limit, matches.at(-1)?.end ?? 0) };
  }

  /** The first place from `at` to before `limit` where the pattern matches, read piece by piece. */
  #first(text: string, from: number, limit: number): { start: number; end: number; pieceEnd: number } | undefined {
    const stride = Math.max(PIECE_CHARS, this.#window);
    for (let at = from; at < limit; at += stride) {
      const pieceEnd = Math.min(text.length, at + stride + this.#window + 1);
      const base = Math.max(0, at - CONTEXT_CHARS);
      const matcher = this.#pattern.matcher(text.slice(base, pieceEnd));
      if (!matcher.find(at - base)) continue;
      const start = base + matcher.start();
      if (start < Math.min(limit, at + stride)) return { start, end: base + matcher.end(), pieceEnd };
    }
    return undefined;
  }

  /** Where the match that begins at `start` ends if nothing but its window is looked at. */
  #endAt(text: string, start: number, pieceEnd: number, end: number): number | undefined {
    const windowEnd = start + this.#window + 1;
    if (windowEnd >= pieceEnd && pieceEnd === text.length)
      return end - start <= this.#window && end > start ? end : undefined;
    const base = Math.max(0, start - CONTEXT_CHARS);
    const matcher = this.#pattern.matcher(text.slice(base, windowEnd));
    if (!matcher.find(start - base) || base + matcher.start() !== start) return undefined;
    const endInWindow = base + matcher.end();
    return endInWindow > start && endInWindow - start <= this.#window ? endInWindow : undefined;
  }
}

/** Read at once: calls cost more than characters. */
const PIECE_CHARS = 2048;
