/**
 * JSON with the place of every value in its bytes, so that one string can be replaced and all else stays. Strict as
 * `JSON.parse` is: what it refuses, no client reads either.
 */
export type JsonNode = TextNode | ScalarNode | ListNode | ObjectNode;

interface Span {
  /** Half-open byte range; a string's holds its quotes. */
  start: number;
  end: number;
}

export interface TextNode extends Span {
  kind: 'text';
  value: string;
  /** Somebody reads it already. */
  taken: boolean;
}

/** A number, true, false or null. */
export interface ScalarNode extends Span {
  kind: 'scalar';
  text: string;
}

export interface ListNode extends Span {
  kind: 'list';
  items: JsonNode[];
}

export interface ObjectNode extends Span {
  kind: 'object';
  members: { key: TextNode; value: JsonNode }[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Answers have about ten levels; the parser calls itself, and a stack is not endless. */
const DEPTH = 512;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The one value that stands between `from` and `to`; undefined where that is no JSON. */
export function parseTree(bytes: Buffer, from = 0, to = bytes.length): JsonNode | undefined {
  return new TreeParser(bytes, from, to).whole();
}

/** The last member of that name, as parsers take it. */
export function memberOf(node: JsonNode | undefined, name: string): JsonNode | undefined {
  if (node?.kind !== 'object') return undefined;
  for (let i = node.members.length - 1; i >= 0; i--) {
    const member = node.members[i];
    if (member?.key.value === name) return member.value;
  }
  return undefined;
}

export function itemsOf(node: JsonNode | undefined): readonly JsonNode[] {
  return node?.kind === 'list' ? node.items : [];
}

export function textIn(node: JsonNode | undefined, name: string): string {
  const value = memberOf(node, name);
  return value?.kind === 'text' ? value.value : '';
}

export function numberIn(node: JsonNode | undefined, name: string): number | undefined {
  const value = memberOf(node, name);
  const number = value?.kind === 'scalar' ? Number(value.text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** Walks the bytes as a string of one character a byte: taking strings out of it calls nothing native. */
class TreeParser {
  readonly #bytes: Buffer;
  readonly #source: string;
  /** Where the source begins in the bytes. */
  readonly #base: number;
  #at = 0;

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes;
    this.#base = from;
    this.#source = bytes.toString('latin1', from, to);
  }

  whole(): JsonNode | undefined {
    const node = this.#value(0);
    return node !== undefined && Number.isNaN(this.#next()) ? node : undefined;
  }

  /** The next character that is no white space; NaN at the end. */
  #next(): number {
    for (;;) {
      const c = this.#source.charCodeAt(this.#at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return c;
      this.#at += 1;
    }
  }

  #value(depth: number): JsonNode | undefined {
    const c = this.#next();
    if (c === QUOTE) return this.#text();
    if (c === OPEN_BRACE) return depth < DEPTH ? this.#object(depth) : undefined;
    if (c === OPEN_BRACKET) return depth < DEPTH ? this.#list(depth) : undefined;
    return this.#scalar();
  }

  #object(depth: number): ObjectNode | undefined {
    const start = this.#at;
    const members: ObjectNode['members'] = [];
    this.#at += 1;
    if (this.#next() === CLOSE_BRACE) return { kind: 'object', start: start + this.#base, end: this.#past(), members };
    for (;;) {
      const key = this.#next() === QUOTE ? this.#text() : undefined;
      if (key === undefined || this.#next() !== COLON) return undefined;
      this.#at += 1;
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      members.push({ key, value });
      const c = this.#next();
      if (c === CLOSE_BRACE) return { kind: 'object', start: start + this.#base, end: this.#past(), members };
      if (c !== COMMA) return undefined;
      this.#at += 1;
    }
  }

  #list(depth: number): ListNode | undefined {
    const start = this.#at;
    const items: JsonNode[] = [];
    this.#at += 1;
    if (this.#next() === CLOSE_BRACKET) return { kind: 'list', start: start + this.#base, end: this.#past(), items };
    for (;;) {
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      items.push(value);
      const c = this.#next();
      if (c === CLOSE_BRACKET) return { kind: 'list', start: start + this.#base, end: this.#past(), items };
      if (c !== COMMA) return undefined;
      this.#at += 1;
    }
  }

  /** Steps over a closing bracket, and says where it ends. */
  #past(): number {
    this.#at += 1;
    return this.#at + this.#base;
  }

  #text(): TextNode | undefined {
    const source = this.#source;
    const start = this.#at;
    let escaped = false;
    let wide = false;
    let i = start + 1;
    for (;;) {
      const c = source.charCodeAt(i);
      if (c === QUOTE) break;
      // Control characters, and NaN beyond the end.
      if (!(c >= 0x20)) return undefined;
      if (c === BACKSLASH) {
        escaped = true;
        i += 1;
      } else if (c >= 0x80) wide = true;
      i += 1;
    }
    this.#at = i + 1;
    const value = escaped || wide ? this.#decoded(start, i + 1, escaped) : source.slice(start + 1, i);
    if (value === undefined) return undefined;
    return { kind: 'text', start: start + this.#base, end: this.#at + this.#base, value, taken: false };
  }

  #decoded(start: number, end: number, escaped: boolean): string | undefined {
    const literal = this.#bytes.toString('utf8', start + this.#base, end + this.#base);
    if (!escaped) return literal.slice(1, -1);
    try {
      const value: unknown = JSON.parse(literal);
      return typeof value === 'string' ? value : undefined;
    } catch {
      // An escape that JSON does not know.
      return undefined;
    }
  }

  #scalar(): ScalarNode | undefined {
    const source = this.#source;
    const start = this.#at;
    let i = start;
    for (;;) {
      const c = source.charCodeAt(i);
      if (!(c > 0x20) || c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET) break;
      i += 1;
    }
    const text = source.slice(start, i);
    if (text !== 'null' && text !== 'true' && text !== 'false' && !NUMBER.test(text)) return undefined;
    this.#at = i;
    return { kind: 'scalar', start: start + this.#base, end: i + this.#base, text };
  }
}
