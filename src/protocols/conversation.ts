import { isObject, jsonText, objectsOf, textOf } from './json.ts';
import type { JsonObject } from './json.ts';

/** The fallback session hash needs no more of a text: two conversations that agree so far are one. */
const TEXT_CHARS = 16 * 1024;

/** Tool results of one request. Agents run a handful at a time. */
export const TOOL_RESULTS_MAX = 256;

/**
 * Claude Code puts this line first in `system`; it names the release and may change within a conversation
 * (wire-formats.md, section 14).
 */
const ATTRIBUTION = 'x-anthropic-billing-header:';

/** Texts joined by line feeds, as far as the hash needs them. */
export class HashedText {
  #text = '';

  add(text: string): void {
    if (text === '' || text.startsWith(ATTRIBUTION) || this.#text.length >= TEXT_CHARS) return;
    this.#text += (this.#text === '' ? '' : '\n') + text.slice(0, TEXT_CHARS);
  }

  get text(): string {
    return this.#text.slice(0, TEXT_CHARS);
  }
}

/** The texts of a content that is a string, one part or a list of parts, whatever the parts' type is called. */
export function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  if (isObject(content)) return [textOf(content['text'])];
  if (!Array.isArray(content)) return [];
  return content.map((part) => (isObject(part) ? textOf(part['text']) : textOf(part)));
}

/**
 * The messages that stand before the conversation, and the conversation. A system message that comes later is something
 * that was said at that point, such as an agent's reminder.
 */
export function parted(messages: JsonObject[]): { system: JsonObject[]; conversation: JsonObject[] } {
  const isSystem = ({ role }: JsonObject): boolean => role === 'system' || role === 'developer';
  const first = messages.findIndex((message) => !isSystem(message));
  const end = first < 0 ? messages.length : first;
  return { system: messages.slice(0, end), conversation: messages.slice(end) };
}

/** UTF-8 bytes of a tool's result: its text where it is one, else its JSON. */
export function resultBytes(content: unknown): number {
  if (content === undefined || content === null) return 0;
  return Buffer.byteLength(typeof content === 'string' ? content : jsonText(content), 'utf8');
}

/** The objects after the last one for which `isPast` holds: what this request adds to the conversation. */
export function newest(items: unknown, isPast: (item: JsonObject) => boolean): JsonObject[] {
  const all = objectsOf(items);
  return all.slice(all.findLastIndex(isPast) + 1);
}
