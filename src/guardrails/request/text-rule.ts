import { stringValue } from '../../protocols/json-walk.ts';
import type { Splice } from '../../protocols/body-edit.ts';
import type { TextMatch } from '../detector.ts';
import type { Placeholders } from '../placeholders.ts';
import type { TextRun } from '../window.ts';
import { matchesIn } from './matches.ts';
import type { Pace } from './pace.ts';
import { StringOffsets, TextOffsets } from './string-offsets.ts';
import { innerTexts } from './texts.ts';
import type { BodyText } from './texts.ts';

/** What came of one text rule on one body. */
export interface TextOutcome {
  /** In the offsets of the body; none where it is refused. */
  splices: Splice[];
  blocked: boolean;
  /** Why a rule that replaces refuses instead. */
  error: string | null;
}

export interface TextRuleParts {
  placeholders: Placeholders;
  /** Whether the model's reasoning is read. */
  thinking: boolean;
  pace: Pace;
}

const IN_KEY = 'a match in a key of an object, which cannot be replaced';

/** JSON in a string in JSON in a string: a call of a call. Deeper, the text is read as it is. */
const INNER_DEPTH = 4;

/** Of the key of a value, which is context for it. */
const KEY_CHARS = 48;

const CONTEXTS_MAX = 1024;

/**
 * Reads the texts of a body with one rule. What a rule that is not shadow replaces comes back as splices of the body, so
 * that all other bytes stay as they came. Gives way to others while it reads.
 */
export async function applyTextRule(
  run: TextRun,
  body: Uint8Array,
  texts: readonly BodyText[],
  parts: TextRuleParts,
): Promise<TextOutcome> {
  const reading = new TextReading(run, parts);
  const splices = await reading.read(body, texts, 0);
  const { blocked, error } = reading;
  return { splices: blocked ? [] : splices, blocked, error };
}

class TextReading {
  blocked = false;
  error: string | null = null;
  readonly #contexts = new Contexts();
  readonly #run: TextRun;
  readonly #parts: TextRuleParts;

  constructor(run: TextRun, parts: TextRuleParts) {
    this.#run = run;
    this.#parts = parts;
  }

  /** `depth`: 0 for the body, more for JSON in its strings, which is counted as part of the string already. */
  async read(bytes: Uint8Array, texts: readonly BodyText[], depth: number): Promise<Splice[]> {
    const splices: Splice[] = [];
    for (const text of texts) {
      if (text.place === 'thinking' && !this.#parts.thinking) continue;
      const value = valueOf(bytes, text);
      if (depth === 0) this.#run.tally.read(text.place, value.length);
      for (const splice of await this.#readOne(bytes, text, value, depth)) splices.push(splice);
    }
    return splices;
  }

  async #readOne(bytes: Uint8Array, text: BodyText, value: string, depth: number): Promise<Splice[]> {
    if (text.what === 'text' && depth < INNER_DEPTH) {
      const innerBytes = mayBeJson(value) ? Buffer.from(value) : undefined;
      const inner = innerBytes === undefined ? undefined : innerTexts(text.place, innerBytes, value);
      if (innerBytes !== undefined && inner !== undefined) {
        // A signature over the string covers what is in it.
        const signed = inner.map((one) => ({ ...one, signed: text.signed }));
        return outward(bytes, text, innerBytes, await this.read(innerBytes, signed, depth + 1));
      }
    }
    const context = this.#contexts.of(bytes, text.key);
    const found = await matchesIn(this.#run.detector, context + value, context.length, this.#parts.pace);
    if (found.length === 0) return [];
    const matches = found.map((match) => ({
      ...match,
      start: match.start - context.length,
      end: match.end - context.length,
    }));
    return this.#replaced(bytes, text, value, matches);
  }

  #replaced(bytes: Uint8Array, text: BodyText, value: string, matches: readonly TextMatch[]): Splice[] {
    const cuts: { start: number; end: number; text: string }[] = [];
    for (const { start, end, kind } of matches) {
      const replacement = this.#judge(text, kind, value.slice(start, end));
      if (replacement !== undefined) cuts.push({ start, end, text: replacement });
    }
    if (cuts.length === 0) return [];
    if (text.what === 'field') return fieldSplices(text, value, cuts);
    if (text.what !== 'number') return stringSplices(bytes, text, cuts);
    return [{ start: text.start, end: text.end, text: JSON.stringify(cutText(value, cuts)) }];
  }

  /** Counts a match; what is to stand in its place, or undefined where it stays. */
  #judge({ what, signed }: BodyText, kind: string, value: string): string | undefined {
    const { tally, action, shadow } = this.#run;
    tally.match(kind, value);
    if (action === 'flag') return undefined;
    if (action === 'block') {
      this.blocked ||= !shadow;
      return undefined;
    }
    if (signed) {
      tally.leave();
      return undefined;
    }
    if (shadow) return undefined;
    if (what === 'key') {
      this.blocked = true;
      this.error = IN_KEY;
      return undefined;
    }
    return action === 'redact' ? `[redacted:${kind}]` : this.#parts.placeholders.of(kind, value);
  }
}

function mayBeJson(value: string): boolean {
  return /^[ \t\r\n]*[[{]/.test(value);
}

/** As a reader of the JSON sees it. */
export function valueOf(bytes: Uint8Array, { start, end, what, plain }: BodyText): string {
  if (what === 'field') return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  if (what === 'number') return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  if (plain) return Buffer.from(bytes.buffer, bytes.byteOffset + start + 1, end - start - 2).toString('latin1');
  return stringValue(bytes.subarray(start, end)) ?? '';
}

/** What a reader sees before a value of data: its key, in words and as it is. `taxId` says more as `tax id`. */
function contextOf(quotedKey: Uint8Array): string {
  const key = (stringValue(quotedKey) ?? '').slice(-KEY_CHARS);
  const words = key.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[_.-]+/g, ' ');
  return words === key ? `${key}: ` : `${words} ${key}: `;
}

/** Contexts by key: data has few keys and many values. */
class Contexts {
  readonly #known = new Map<string, string>();

  of(bytes: Uint8Array, key: { start: number; end: number } | undefined): string {
    if (key === undefined) return '';
    const quoted = Buffer.from(bytes.buffer, bytes.byteOffset + key.start, key.end - key.start);
    const name = quoted.toString('latin1');
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const context = contextOf(quoted);
    if (this.#known.size < CONTEXTS_MAX) this.#known.set(name, context);
    return context;
  }
}

interface Cut {
  start: number;
  end: number;
  text: string;
}

function cutText(value: string, cuts: readonly Cut[]): string {
  let at = 0;
  let text = '';
  for (const cut of cuts) {
    text += value.slice(at, cut.start) + cut.text;
    at = cut.end;
  }
  return text + value.slice(at);
}

/** Text inside a JSON string. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function stringSplices(bytes: Uint8Array, { start, end, plain }: BodyText, cuts: readonly Cut[]): Splice[] {
  const first = start + 1;
  if (plain) {
    return cuts.map((cut) => ({ start: first + cut.start, end: first + cut.end, text: escaped(cut.text) }));
  }
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset + first, end - first - 1).toString('utf8');
  const offsets = new StringOffsets(raw);
  return cuts.map((cut) => ({
    start: first + offsets.byteOf(cut.start, 'begin'),
    end: first + offsets.byteOf(cut.end, 'end'),
    text: escaped(cut.text),
  }));
}

/** What stands in a form stands there as it is. */
function fieldSplices({ start }: BodyText, value: string, cuts: readonly Cut[]): Splice[] {
  let index = 0;
  let byte = start;
  const byteOf = (next: number): number => {
    byte += Buffer.byteLength(value.slice(index, next));
    index = next;
    return byte;
  };
  return cuts.map((cut) => ({ start: byteOf(cut.start), end: byteOf(cut.end), text: cut.text }));
}

/** Splices of the JSON in a string, as splices of what the string stands in. */
function outward(bytes: Uint8Array, text: BodyText, innerBytes: Buffer, splices: readonly Splice[]): Splice[] {
  if (splices.length === 0) return [];
  const indices = new TextOffsets(innerBytes);
  const cuts = splices.map((splice) => ({
    start: indices.indexOf(splice.start),
    end: indices.indexOf(splice.end),
    text: splice.text,
  }));
  return stringSplices(bytes, text, cuts);
}
