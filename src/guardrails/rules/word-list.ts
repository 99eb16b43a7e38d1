import type { Found, TextDetector, TextMatch } from '../detector.ts';
import { CONTEXT_CHARS } from '../detector.ts';
import { endOf, indexOf, kindAt, unitAt, viewOf, WORD } from './view.ts';

/** As much white space in a row is as one space; more of it parts a phrase. */
const SPACE_RUN = 8;
const SPACE = 32;

export interface WordListOptions {
  kind: string;
  caseSensitive: boolean;
  wholeWords: boolean;
}

interface Node {
  next: Map<number, Node>;
  fail: Node | undefined;
  depth: number;
  /** A word ends here. */
  ends: boolean;
  /** The longest shorter word that ends here too. */
  shorter: Node | undefined;
}

function node(depth: number): Node {
  return { next: new Map(), fail: undefined, depth, ends: false, shorter: undefined };
}

/** Finds words and phrases, all at once (Aho and Corasick): of those that begin first, the longest. */
export class WordList implements TextDetector {
  readonly #root = node(0);
  readonly #options: WordListOptions;
  readonly #most: number;
  /** Of characters of ASCII: whether a word begins with it. */
  readonly #begins: Uint8Array;

  constructor(words: readonly string[], options: WordListOptions) {
    this.#options = options;
    let most = 0;
    for (const word of words) {
      const forms = new Set([word.normalize('NFC'), word.normalize('NFD')]);
      for (const form of forms) most = Math.max(most, this.#add(form));
    }
    this.#most = most;
    link(this.#root);
    this.#begins = Uint8Array.from({ length: 128 }, (_, code) =>
      this.#root.next.has(this.#symbol(String.fromCharCode(code), 0)) ? 1 : 0,
    );
  }

  #add(word: string): number {
    const plain = viewOf(word, 0).text.trim().replace(/\s+/g, ' ');
    if (plain === '') throw new Error('an empty word would be found everywhere');
    let at = this.#root;
    for (let index = 0; index < plain.length; index++) {
      const symbol = this.#symbol(plain, index);
      let next = at.next.get(symbol);
      if (next === undefined) at.next.set(symbol, (next = node(at.depth + 1)));
      at = next;
    }
    at.ends = true;
    return plain.length;
  }

  #symbol(text: string, at: number): number {
    const code = text.charCodeAt(at);
    if (code < 128) {
      if (code >= 9 && code <= 13) return SPACE;
      return !this.#options.caseSensitive && code >= 65 && code <= 90 ? code | 32 : code;
    }
    if (this.#options.caseSensitive) return code;
    const lower = String.fromCharCode(code).toLowerCase();
    return lower.length === 1 ? lower.charCodeAt(0) : code;
  }

  find(text: string, from: number, atEnd: boolean): Found {
    const view = viewOf(text, Math.max(0, from - CONTEXT_CHARS));
    const matches: TextMatch[] = [];
    let at = unitAt(view, from);
    for (;;) {
      const found = this.#first(view.text, at, atEnd);
      if (found.end === undefined) {
        const settled = found.start === view.text.length ? endOf(view, found.start) : indexOf(view, found.start);
        return { matches, settled: atEnd ? text.length : Math.max(from, settled) };
      }
      matches.push({ start: indexOf(view, found.start), end: endOf(view, found.end), kind: this.#options.kind });
      at = found.end;
    }
  }

  /** The first word from `from` on; without an end: none begins before `start`, as far as the text has come. */
  #first(text: string, from: number, atEnd: boolean): { start: number; end: number | undefined } {
    const root = this.#root;
    const places = new Uint32Array(this.#most + 1);
    let symbols = 0;
    let state: Node = root;
    let spaces = 0;
    let best: { start: number; end: number } | undefined;
    for (let at = from; at < text.length; at++) {
      // Nothing has begun: most of a text is passed over here.
      if (state === root) at = this.#nextBeginning(text, at);
      if (at === text.length) break;
      const symbol = this.#symbol(text, at);
      spaces = symbol === SPACE ? spaces + 1 : 0;
      if (spaces > 1 && spaces <= SPACE_RUN) continue;
      if (spaces > SPACE_RUN) state = root;
      else {
        state = step(state, symbol);
        places[symbols % places.length] = at;
        symbols += 1;
      }
      if (state === root) {
        if (best !== undefined) return best;
        continue;
      }
      const start = places[(symbols - state.depth) % places.length] ?? at;
      if (best !== undefined && start > best.start) return best;
      for (let word = state.ends ? state : state.shorter; word !== undefined; word = word.shorter) {
        const begin = places[(symbols - word.depth) % places.length] ?? at;
        if (best !== undefined && begin > best.start) break;
        const judged = this.#stands(text, begin, at + 1, atEnd);
        // What follows decides whether it is a word of its own.
        if (judged === undefined) return { start: Math.min(begin, best?.start ?? begin, start), end: undefined };
        if (!judged) continue;
        best = { start: begin, end: at + 1 };
        break;
      }
    }
    const held = state === root ? text.length : (places[(symbols - state.depth) % places.length] ?? text.length);
    if (atEnd) return best ?? { start: text.length, end: undefined };
    return { start: Math.min(held, best?.start ?? held), end: undefined };
  }

  #nextBeginning(text: string, from: number): number {
    const begins = this.#begins;
    let at = from;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code >= 128 || begins[code] === 1) return at;
      at += 1;
    }
    return at;
  }

  /** Whether what was found is no part of a longer word; undefined: what follows decides. */
  #stands(text: string, start: number, end: number, atEnd: boolean): boolean | undefined {
    if (!this.#options.wholeWords) return true;
    if (isWord(text, start) && isWord(text, start - 1) && !isEscape(text, start - 2)) return false;
    if (!isWord(text, end - 1)) return true;
    if (end >= text.length && !atEnd) return undefined;
    return !isWord(text, end);
  }
}

/** `\n` in a string of code parts words as what it stands for does. */
function isEscape(text: string, at: number): boolean {
  return text[at] === '\\' && /[nrt]/.test(text.charAt(at + 1));
}

function isWord(text: string, at: number): boolean {
  return (kindAt(text, at) & WORD) !== 0;
}

function step(from: Node, symbol: number): Node {
  let state = from;
  for (;;) {
    const next = state.next.get(symbol);
    if (next !== undefined) return next;
    // Only the root has nowhere to fall back to.
    if (state.fail === undefined) return state;
    state = state.fail;
  }
}

/** Breadth first: where to go on when a word does not, and which shorter words end at the same place. */
function link(root: Node): void {
  const queue = [root];
  for (let head = 0; head < queue.length; head++) {
    const parent = queue[head] ?? root;
    for (const [symbol, child] of parent.next) {
      child.fail = parent === root ? root : step(parent.fail ?? root, symbol);
      child.shorter = child.fail.ends ? child.fail : child.fail.shorter;
      queue.push(child);
    }
  }
}
