import type { Api } from '../../contract/api.ts';
import { readerFor } from './api-reader.ts';
import type { ApiReader } from './api-reader.ts';
import { blockOf, dataOf } from './block.ts';
import type { BodyKind } from './body-kind.ts';
import { parseTree } from './json-tree.ts';
import { readOthers } from './others.ts';
import type { Reading, Texts } from './reading.ts';
import type { Range, Unit } from './unit.ts';

/** Shorter ones carry nothing, and names of events are none. */
const LEAST_LINE_CHARS = 4;
const WORD = /^[\w.:-]*$/;

/** Finds the texts of each event. */
export class EventReader {
  readonly #api: ApiReader;
  readonly #texts: Texts;

  constructor(api: Api, texts: Texts) {
    this.#api = readerFor(api);
    this.#texts = texts;
  }

  /** Reads an event into its unit. False where it is no JSON: then it is read as a text, as well as that goes. */
  read(kind: BodyKind, unit: Unit): boolean {
    const { buffer, byteOffset, byteLength } = unit.bytes;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    switch (kind) {
      case 'blocks':
        return this.#readBlock(unit, bytes);
      case 'elements':
        return this.#readJson({ unit, doc: bytes, rawOf: (at) => at }, elementIn(bytes));
      case 'lines': {
        const readable = this.#readJson({ unit, doc: bytes, rawOf: (at) => at }, trimmed(bytes));
        this.#texts.end();
        this.#texts.calls.end();
        return readable;
      }
      case 'json':
        return this.#readJson({ unit, doc: bytes, rawOf: (at) => at }, trimmed(bytes));
      case 'text':
      case 'unread':
        this.#readRaw(unit, bytes, [{ start: 0, end: bytes.length }], 'body');
        return true;
    }
  }

  #readBlock(unit: Unit, bytes: Buffer): boolean {
    const { data, others } = blockOf(bytes);
    this.#readRaw(unit, bytes, others, 'line');
    if (data.length === 0) return true;
    const { doc, rawOf, from, to } = dataOf(bytes, data);
    if (to - from === DONE.length && doc.toString('latin1', from, to) === DONE) {
      this.#texts.end();
      this.#texts.calls.end();
      return true;
    }
    if (this.#readJson({ unit, doc, rawOf }, { start: from, end: to }, false)) return true;
    this.#readRaw(unit, bytes, data, 'line');
    return false;
  }

  #readJson(reading: Reading, { start, end }: Range, orAsText = true): boolean {
    if (start >= end) return true;
    const root = parseTree(reading.doc, start, end);
    if (root === undefined) {
      if (orAsText) this.#readRaw(reading.unit, reading.doc, [{ start, end }], 'body');
      return false;
    }
    this.#texts.begin(reading);
    this.#api.read(root, this.#texts);
    readOthers(root, this.#texts);
    return true;
  }

  #readRaw(unit: Unit, bytes: Buffer, ranges: readonly Range[], form: 'line' | 'body'): void {
    this.#texts.begin({ unit, doc: bytes, rawOf: (at) => at });
    for (const range of ranges) {
      const text = bytes.toString('utf8', range.start, range.end);
      if (form === 'body' || (text.length >= LEAST_LINE_CHARS && !WORD.test(text))) this.#texts.raw(range, text, form);
    }
  }
}

const DONE = '[DONE]';

function trimmed(bytes: Buffer): Range {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let end = bytes.length;
  while (end > start && (bytes[end - 1] ?? 0) <= 0x20) end -= 1;
  return { start, end };
}

/** Without what joins it to the element before; nothing where the array ends. */
function elementIn(bytes: Buffer): Range {
  let start = 0;
  let bracket = false;
  for (; start < bytes.length; start++) {
    const c = bytes[start] ?? 0;
    if (c === 0x7b || (c === 0x5b && bracket)) break;
    // The array's own bracket stands before its first element only, and an element may be an array.
    if (c === 0x5b) bracket = true;
  }
  return { start, end: bytes.length };
}
