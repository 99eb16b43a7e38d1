import type { ProviderError, ResponseFacts } from '../../contract/facts.ts';
import { arrayOf, isObject, objectOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { providerError } from '../provider-error.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { factsOfResponse } from './unary.ts';

const ITEMS_MAX = 4096;
const PARTS_MAX = 1024;

const TERMINAL = new Set(['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled']);

/** Whether nothing more comes of a response after an event of this type. */
export function isLastEvent(type: string): boolean {
  return TERMINAL.has(type) || type === 'error';
}

const SNAPSHOTS = new Set(['response.created', 'response.queued', 'response.in_progress']);

/** Events whose `delta` continues a text member of an item's part, and that member's name. */
const PART_DELTAS: Record<string, string> = {
  'response.output_text.delta': 'text',
  'response.refusal.delta': 'refusal',
};

/** Events whose `delta` continues a text member of the item itself. */
const ITEM_DELTAS: Record<string, string> = {
  'response.function_call_arguments.delta': 'arguments',
  'response.custom_tool_call_input.delta': 'input',
};

/**
 * Events -> response. Keyed on `type` in the JSON, as compatible servers leave the `event:` lines out. A terminal event
 * repeats the whole output; what the items and deltas built up counts where it does not come, or comes empty.
 */
export class ResponseAssembly implements Assembly {
  readonly #keep = new Keep();
  #response: JsonObject = {};
  readonly #items = new Map<number, JsonObject>();
  #terminator: string | null = null;
  #error: ProviderError | null = null;

  accept(event: JsonObject, chars: number): void {
    const type = typeof event['type'] === 'string' ? event['type'] : '';
    if (TERMINAL.has(type)) this.#finish(type, objectOf(event['response']), chars);
    else if (SNAPSHOTS.has(type)) this.#snapshot(objectOf(event['response']), chars);
    else if (type === 'error' || (type === '' && isObject(event['error']))) this.#fail(event);
    else if (type === 'response.output_item.added' || type === 'response.output_item.done') {
      this.#setItem(event['output_index'], objectOf(event['item']), chars);
    } else if (type === 'response.content_part.added') {
      this.#setPart(event, objectOf(event['part']), chars);
    } else if (type.endsWith('.delta')) this.#addDelta(type, event);
  }

  done(): void {
    // Not a word of this API; compatible servers add it after the terminal event.
  }

  facts(): ResponseFacts {
    const facts = factsOfResponse(this.rebuilt());
    facts.terminator = this.#terminator;
    facts.complete = this.#terminator !== null;
    if (this.#terminator === null) {
      // The status of a response that never ended is no stop reason.
      facts.stop_reason = null;
      if (facts.usage !== null) facts.usage_state = 'partial';
    }
    if (facts.error !== null) facts.error = { ...facts.error, where: 'stream' };
    if (this.#error !== null) {
      facts.error = this.#error;
      facts.stop_reason = { raw: facts.stop_reason?.raw ?? '', canonical: 'error' };
    }
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  responseId(): string | null {
    return textOrNull(this.#response['id']);
  }

  rebuilt(): unknown {
    if (arrayOf(this.#response['output']).length > 0 || this.#items.size === 0) return this.#response;
    const output = [...this.#items].sort(([a], [b]) => a - b).map(([, item]) => item);
    return { ...this.#response, output };
  }

  #snapshot(response: JsonObject, chars: number): void {
    if (this.#terminator === null && this.#keep.take(chars)) this.#response = response;
  }

  /** Kept whatever its size: it has the numbers, and one event is bounded by the event reader. */
  #finish(type: string, response: JsonObject, chars: number): void {
    if (this.#terminator !== null) return;
    this.#terminator = type;
    this.#keep.take(chars);
    this.#response = response;
    if (arrayOf(response['output']).length > 0) this.#items.clear();
  }

  /** Its fields are at the top level by the API's word, nested in an `error` object by others'. */
  #fail(event: JsonObject): void {
    if (isObject(event['error'])) this.#error ??= providerError('stream', event);
    else this.#error ??= providerError('stream', { error: { ...event, type: null } });
  }

  #setItem(index: unknown, item: JsonObject, chars: number): void {
    if (this.#terminator !== null || typeof index !== 'number') return;
    if (!this.#items.has(index) && this.#items.size >= ITEMS_MAX) return;
    if (this.#keep.take(chars)) this.#items.set(index, { ...item });
  }

  #setPart(event: JsonObject, part: JsonObject, chars: number): void {
    const item = this.#item(event);
    if (item !== undefined && this.#keep.take(chars)) partOf(item, event['content_index'], part);
  }

  #addDelta(type: string, event: JsonObject): void {
    const item = this.#item(event);
    if (item === undefined) return;
    const inItem = Object.hasOwn(ITEM_DELTAS, type) ? ITEM_DELTAS[type] : undefined;
    if (inItem !== undefined) this.#keep.append(item, inItem, event['delta']);
    const inPart = Object.hasOwn(PART_DELTAS, type) ? PART_DELTAS[type] : undefined;
    if (inPart === undefined) return;
    const kind = inPart === 'text' ? 'output_text' : 'refusal';
    const part = partOf(item, event['content_index'], { type: kind, [inPart]: '' });
    if (part !== undefined) this.#keep.append(part, inPart, event['delta']);
  }

  #item(event: JsonObject): JsonObject | undefined {
    const index = event['output_index'];
    return this.#terminator === null && typeof index === 'number' ? this.#items.get(index) : undefined;
  }
}

/** The part at an index of an item's content; `fresh` where there is none yet. */
function partOf(item: JsonObject, index: unknown, fresh: JsonObject): JsonObject | undefined {
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= PARTS_MAX) return undefined;
  const present = arrayOf(item['content'])[index];
  if (isObject(present)) return present;
  const content = [...arrayOf(item['content'])];
  while (content.length < index) content.push({});
  const part = { ...fresh };
  content[index] = part;
  item['content'] = content;
  return part;
}
