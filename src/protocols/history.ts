import { hash } from 'node:crypto';
import type { History } from '../contract/record.ts';
import { isObject } from './json.ts';
import type { JsonObject } from './json.ts';

/**
 * Beginnings that are kept. A turn of an agent adds its answer and the results of its calls, so this spans a turn of
 * sixty parallel calls; a conversation that grew by more between two requests is not recognised as the same.
 */
const BEGINNINGS = 64;

/** Hex digits of a link. 64 bits: links are only compared within one caller's conversations of one beginning. */
const LINK_DIGITS = 16;

/** Nothing that a client means is nested deeper; below, all looks the same. The stack is bounded, bodies are not. */
const DEPTH = 64;

const THOUGHTS = new Set(['thinking', 'redacted_thinking', 'reasoning']);
const TEXTS = new Set(['text', 'input_text', 'output_text']);

/**
 * The hash chain of a conversation: each message's link is a hash over the link before it and the message's content.
 * The system prompt is no part of it: it stands in `session_base` already, and an agent may renew it in the middle.
 *
 * What clients change between two turns without changing what was said does not count: thoughts (dropped, or sent
 * with other signatures), members that are null, the order of members, a text as a string or as a list with one part
 * (which is how a cache marker is put on it), and the members in `ignored`.
 *
 * @returns null for no messages: a request that is no conversation.
 */
export function historyOf(messages: readonly JsonObject[], ignored: ReadonlySet<string>): History | null {
  const chain: string[] = [];
  let count = 0;
  let link = '';
  for (const message of messages) {
    if (isThought(message)) continue;
    link = hash('sha256', link + written(message, ignored, 0), 'hex').slice(0, LINK_DIGITS);
    count += 1;
    chain.push(link);
    if (chain.length > 2 * BEGINNINGS) chain.splice(0, BEGINNINGS);
  }
  return count === 0 ? null : { messages: count, chain: chain.slice(-BEGINNINGS) };
}

function isThought(value: unknown): boolean {
  if (!isObject(value)) return false;
  return value['thought'] === true || (typeof value['type'] === 'string' && THOUGHTS.has(value['type']));
}

/** Text from which the value could be read back, but for what does not count: lengths keep strings apart. */
function written(value: unknown, ignored: ReadonlySet<string>, depth: number): string {
  if (typeof value === 'string') return `s${value.length}:${value}`;
  if (typeof value !== 'object' || value === null) return `${String(value)};`;
  if (depth >= DEPTH) return '…';
  if (Array.isArray(value)) return writtenList(value, ignored, depth);
  if (!isObject(value)) return '';
  const names = Object.keys(value).filter((name) => value[name] !== null && !ignored.has(name));
  const text = textAlone(value, names);
  if (text !== undefined) return writtenText(text);
  names.sort();
  let all = '{';
  for (const name of names) {
    const member = value[name];
    all += `${name.length}:${name}=`;
    all +=
      name === 'content' && typeof member === 'string'
        ? `[${writtenText(member)}]`
        : written(member, ignored, depth + 1);
  }
  return `${all}}`;
}

function writtenList(list: readonly unknown[], ignored: ReadonlySet<string>, depth: number): string {
  let all = '[';
  for (const item of list) if (!isThought(item)) all += written(item, ignored, depth + 1);
  return `${all}]`;
}

function writtenText(text: string): string {
  return `t${text.length}:${text}`;
}

/** The text of a part that has nothing else. */
function textAlone(part: JsonObject, names: readonly string[]): string | undefined {
  const { text, type } = part;
  if (typeof text !== 'string') return undefined;
  if (names.length === 1) return text;
  return names.length === 2 && typeof type === 'string' && TEXTS.has(type) ? text : undefined;
}
