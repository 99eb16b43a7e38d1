import { IN_SCHEMAS } from '../body-keys.ts';
import { skipSpace, skipValue, stringValue } from '../json-walk.ts';

/** A member with a text as its value, or one text of its list. */
export interface NamedMember {
  key: string;
  text: string;
  /** The member of the body's top level that it stands in, or is. */
  top: string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Each character of the longest name escaped, and the quotes. */
const KEY_BYTES = 6 * 'vector_store_ids'.length + 2;

/** Clients' own words, in which a `file_id` means something to a tool of theirs, and nothing to the provider. */
const OPAQUE: ReadonlySet<string> = new Set([...IN_SCHEMAS, 'parameters', 'args', 'response']);

/** What a provider said earlier and a client repeats: it refers to a file, and lets nobody read it. */
const REPEATED: ReadonlySet<string> = new Set([
  'file_citation',
  'container_file_citation',
  'file_path',
  'code_execution_output',
  'bash_code_execution_output',
]);

/**
 * Every text that stands under one of the names, at any depth, however a name is escaped and as often as it comes: a
 * provider may read the first of two or the last. In one pass over bytes that are known to be valid JSON and not nested
 * deeper than the scanner allows.
 */
export function namedMembers(body: Uint8Array, names: ReadonlySet<string>): NamedMember[] {
  const walk = new Walk(body, names);
  const found: NamedMember[] = [];
  walk.value(skipSpace(body, 0), '', '', found);
  return found;
}

class Walk {
  readonly #body: Uint8Array;
  readonly #names: ReadonlySet<string>;

  constructor(body: Uint8Array, names: ReadonlySet<string>) {
    this.#body = body;
    this.#names = names;
  }

  /** Reads the value that begins at `at` and is `key`'s; returns where it ends. */
  value(at: number, key: string, top: string, found: NamedMember[]): number {
    switch (this.#body[at]) {
      case OPEN_BRACE:
        return this.#object(at, top, found);
      case OPEN_BRACKET:
        return this.#list(at, key, top, found);
      case QUOTE: {
        const end = skipValue(this.#body, at);
        if (this.#names.has(key)) found.push({ key, text: this.#text(at, end), top });
        return end;
      }
      default:
        return skipValue(this.#body, at);
    }
  }

  #list(start: number, key: string, top: string, found: NamedMember[]): number {
    let at = skipSpace(this.#body, start + 1);
    while (at < this.#body.length && this.#body[at] !== CLOSE_BRACKET) {
      at = skipSpace(this.#body, this.value(at, key, top, found));
      if (this.#body[at] === COMMA) at = skipSpace(this.#body, at + 1);
    }
    return at + 1;
  }

  #object(start: number, top: string, found: NamedMember[]): number {
    const own: NamedMember[] = [];
    const input: NamedMember[] = [];
    const types: string[] = [];
    let at = skipSpace(this.#body, start + 1);
    while (at < this.#body.length && this.#body[at] !== CLOSE_BRACE) {
      const keyEnd = skipValue(this.#body, at);
      const key = keyEnd - at > KEY_BYTES ? '' : this.#text(at, keyEnd);
      const valueAt = skipSpace(this.#body, skipSpace(this.#body, keyEnd) + 1);
      const isText = this.#body[valueAt] === QUOTE;
      if (isText && key === 'type') types.push(this.#text(valueAt, skipValue(this.#body, valueAt)));
      if (!isText && OPAQUE.has(key)) at = skipValue(this.#body, valueAt);
      else {
        const into = isText ? own : key === 'input' ? input : found;
        at = this.value(valueAt, key, top === '' ? key : top, into);
      }
      at = skipSpace(this.#body, at);
      if (this.#body[at] === COMMA) at = skipSpace(this.#body, at + 1);
    }
    // Of two types one may be what the provider reads: then all must be harmless.
    const isAll = (harmless: (type: string) => boolean): boolean => types.length > 0 && types.every(harmless);
    if (!isAll((type) => REPEATED.has(type))) for (const member of own) found.push(member);
    if (!isAll((type) => type.endsWith('tool_use'))) for (const member of input) found.push(member);
    return at + 1;
  }

  #text(start: number, end: number): string {
    return stringValue(this.#body.subarray(start, end)) ?? '';
  }
}
