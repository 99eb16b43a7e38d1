import type { Placeholders } from '../placeholders.ts';
import { TextChannel, changed } from './channel.ts';
import type { Change, Channel, Sight } from './channel.ts';
import { JsonGrammar } from './json-grammar.ts';

/** Longer numbers than this are no numbers. */
const BARE_CHARS = 4096;
const BARE = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;
/** Shorter ones are nobody's card, phone or account. */
export const NUMBER = /^-?\d.{3}/;
const BARE_END = /[\s{}[\]:,"]/;
const QUOTE_OR_ESCAPE = /["\\]/g;
const ESCAPED: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** A string of the JSON that is under way. */
interface Inner {
  channel: TextChannel;
  /** Where places of its text stand in the arguments: after each escape one more, in order. */
  places: { inner: number; outer: number }[];
}

type State =
  | { at: 'structure' }
  | { at: 'string'; inner: Inner }
  | { at: 'bare'; start: number; text: string }
  /** No JSON from `start` on. */
  | { at: 'text'; start: number; channel: TextChannel };

/**
 * Arguments of a tool call: JSON text in pieces. Each string in it is a text of its own, read with its escapes undone,
 * and a value that is put into it is escaped again, so that the JSON stays what it was. So is each number, which becomes a
 * string where it changes. What is no JSON is read as text from there on. Offsets are those of the JSON text; held back is
 * what a rule has not settled, half an escape, and a number until its end.
 */
export class ArgumentsChannel implements Channel {
  readonly #sight: Sight;
  readonly #placeholders: Placeholders;
  readonly #grammar = new JsonGrammar();
  #state: State = { at: 'structure' };
  /** The beginning of an escape. */
  #pending = '';
  #length = 0;
  #settled = 0;
  #changes: Change[] = [];

  constructor(sight: Sight, placeholders: Placeholders) {
    this.#sight = sight;
    this.#placeholders = placeholders;
  }

  get length(): number {
    return this.#length;
  }

  get settled(): number {
    return this.#settled;
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  push(text: string): void {
    if (text === '') return;
    const piece = this.#pending + text;
    const base = this.#length - this.#pending.length;
    this.#pending = '';
    this.#length += text.length;
    let at = 0;
    while (at < piece.length) {
      const state = this.#state;
      if (state.at === 'string') at = this.#readString(state.inner, piece, at, base);
      else if (state.at === 'bare') at = this.#readBare(state, piece, at);
      else if (state.at === 'structure') at = this.#readStructure(piece, at, base);
      else {
        state.channel.push(piece.slice(at));
        at = piece.length;
      }
    }
    this.#harvest();
  }

  end(): void {
    const state = this.#state;
    if (state.at === 'bare') this.#endBare(state.start, state.text);
    const last = this.#state;
    if (last.at === 'string') last.inner.channel.end();
    if (last.at === 'text') last.channel.end();
    this.#pending = '';
    this.#harvest();
    this.#settled = this.#length;
  }

  forget(offset: number): void {
    if (this.#changes.length > 0) this.#changes = this.#changes.filter(({ end }) => end > offset);
  }

  #readStructure(piece: string, at: number, base: number): number {
    switch (this.#grammar.step(piece.charAt(at))) {
      case 'space':
      case 'structure':
        return at + 1;
      case 'string': {
        const channel = new TextChannel(this.#sight, this.#placeholders);
        this.#state = { at: 'string', inner: { channel, places: [{ inner: 0, outer: base + at + 1 }] } };
        return at + 1;
      }
      case 'bare':
        this.#state = { at: 'bare', start: base + at, text: '' };
        return at;
      case 'malformed':
        this.#readAsText(base + at);
        return at;
    }
  }

  #readString(inner: Inner, piece: string, at: number, base: number): number {
    let text = '';
    let from = at;
    for (;;) {
      QUOTE_OR_ESCAPE.lastIndex = from;
      const stop = QUOTE_OR_ESCAPE.exec(piece)?.index ?? piece.length;
      text += piece.slice(from, stop);
      if (stop === piece.length) break;
      if (piece.charAt(stop) === '"') {
        inner.channel.push(text);
        this.#endString(inner);
        return stop + 1;
      }
      const chars = piece.charAt(stop + 1) === 'u' ? 6 : 2;
      if (stop + chars > piece.length) {
        this.#pending = piece.slice(stop);
        break;
      }
      text += unescaped(piece.slice(stop, stop + chars));
      from = stop + chars;
      inner.places.push({ inner: inner.channel.length + text.length, outer: base + from });
    }
    inner.channel.push(text);
    return piece.length;
  }

  #endString(inner: Inner): void {
    inner.channel.end();
    this.#take(inner);
    this.#state = { at: 'structure' };
    this.#grammar.ended();
  }

  #readBare(state: { start: number; text: string }, piece: string, at: number): number {
    const length = piece.slice(at).search(BARE_END);
    const end = length === -1 ? piece.length : at + length;
    const text = state.text + piece.slice(at, end);
    if (text.length > BARE_CHARS) {
      this.#readAsText(state.start, text);
      return end;
    }
    if (length === -1) {
      this.#state = { at: 'bare', start: state.start, text };
      return end;
    }
    // What follows a word that is none of JSON's belongs to the same text.
    this.#endBare(state.start, text);
    return end;
  }

  #endBare(start: number, text: string): void {
    if (!BARE.test(text)) {
      this.#readAsText(start, text);
      return;
    }
    this.#state = { at: 'structure' };
    this.#grammar.ended();
    if (!NUMBER.test(text)) return;
    const channel = new TextChannel(this.#sight, this.#placeholders);
    channel.push(text);
    channel.end();
    if (channel.changes.length === 0) return;
    const quoted = (side: 'kept' | 'sent'): string => {
      const now = changed(text, 0, channel.changes, side);
      return now === text ? text : JSON.stringify(now);
    };
    this.#changes.push({
      start,
      end: start + text.length,
      kept: quoted('kept'),
      sent: quoted('sent'),
      blockedBy: channel.changes.find(({ blockedBy }) => blockedBy !== undefined)?.blockedBy,
      by: channel.changes.flatMap(({ by }) => by),
      same: undefined,
    });
  }

  #readAsText(start: number, text = ''): void {
    const channel = new TextChannel(this.#sight, this.#placeholders);
    channel.push(text);
    this.#state = { at: 'text', start, channel };
  }

  /** Takes over what is judged by now. */
  #harvest(): void {
    const state = this.#state;
    switch (state.at) {
      case 'structure':
        this.#settled = this.#length;
        return;
      case 'bare':
        this.#settled = state.start;
        return;
      case 'string': {
        const { channel } = state.inner;
        this.#take(state.inner);
        const whole = channel.settled === channel.length;
        this.#settled = whole ? this.#length - this.#pending.length : outerOf(state.inner, channel.settled);
        return;
      }
      case 'text': {
        const { channel, start } = state;
        for (const change of channel.changes) {
          this.#changes.push({ ...change, start: change.start + start, end: change.end + start });
        }
        channel.forget(channel.settled);
        this.#settled = start + channel.settled;
      }
    }
  }

  #take(inner: Inner): void {
    const { channel } = inner;
    for (const change of channel.changes) {
      this.#changes.push({
        ...change,
        start: outerOf(inner, change.start),
        end: outerOf(inner, change.end),
        kept: escaped(change.kept),
        sent: escaped(change.sent),
      });
    }
    channel.forget(channel.settled);
    const passed = placeAt(inner, channel.settled);
    if (passed > 0) inner.places.splice(0, passed);
  }
}

/** The last of the places that stand at or before `offset`; the first one always does. */
function placeAt({ places }: Inner, offset: number): number {
  let low = 0;
  let high = places.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((places[middle]?.inner ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function outerOf(inner: Inner, offset: number): number {
  const place = inner.places[placeAt(inner, offset)];
  return place === undefined ? 0 : place.outer + offset - place.inner;
}

/** What stands for `text` inside a JSON string. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** One escape; an unknown one stands for its character. */
function unescaped(escape: string): string {
  const kind = escape.charAt(1);
  if (kind !== 'u') return ESCAPED[kind] ?? kind;
  const code = Number.parseInt(escape.slice(2), 16);
  return String.fromCharCode(Number.isNaN(code) ? 0xfffd : code);
}
