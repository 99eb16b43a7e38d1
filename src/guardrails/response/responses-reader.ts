import { isLastEvent } from '../../protocols/openai-responses/stream.ts';
import type { ApiReader } from './api-reader.ts';
import { itemsOf, memberOf, numberIn, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { readTokens } from './others.ts';
import { ARGUMENTS, INPUT, REASONING, SPOKEN } from './reading.ts';
import type { Nature, Texts } from './reading.ts';

/** The words of the request that a response object repeats: nobody wrote them in answer. */
const ECHOED = [
  'instructions',
  'tools',
  'tool_choice',
  'metadata',
  'prompt',
  'text',
  'user',
  'safety_identifier',
  'prompt_cache_key',
];

const ECHO: Nature = { place: 'text', kind: 'echo' };

/** Members of parts and items that hold text, by what it is. */
const TEXT_MEMBERS: Record<string, Nature> = {
  text: SPOKEN,
  refusal: SPOKEN,
  transcript: SPOKEN,
  arguments: ARGUMENTS,
  input: INPUT,
  code: INPUT,
};
const CALLS: Record<string, 'arguments' | 'input'> = { function_call: 'arguments', custom_tool_call: 'input' };

/**
 * Events and whole responses of OpenAI's Responses API. A text comes as deltas, and again as a whole with its end, its
 * part, its item and the response: each is read, so that all say the same, and counted the first time only.
 */
export class ResponsesReader implements ApiReader {
  /** Texts that were told, by where they belong. */
  readonly #told = new Set<string>();

  read(root: JsonNode, texts: Texts): void {
    const type = textIn(root, 'type');
    const group = `item ${numberIn(root, 'output_index') ?? 0}`;
    if (type.endsWith('.delta')) this.#readDelta(root, type, group, texts);
    else if (type.endsWith('.done')) this.#readDone(root, type, group, texts);
    else if (type === 'response.output_item.added') this.#readItem(memberOf(root, 'item'), group, false, texts);
    else if (type === 'response.content_part.added' || type === 'response.reasoning_summary_part.added') {
      this.#readPart(memberOf(root, 'part'), group, placeOf(root), texts);
    } else this.#readResponse(memberOf(root, 'response') ?? root, type, texts);
  }

  #readDelta(event: JsonNode, type: string, group: string, texts: Texts): void {
    const delta = memberOf(event, 'delta');
    if (type === 'response.audio.delta' || delta?.kind !== 'text' || delta.value === '') return;
    const key = type.slice(0, -DELTA.length) + placeOf(event);
    const nature = natureOf(type);
    this.#tell(group, type, placeOf(event));
    texts.piece(delta, group, 'text', key, nature);
    readTokens(memberOf(event, 'logprobs'), texts, group, key, nature);
    if (nature.place === 'tool_call') texts.wait(texts.calls.addTo(group, delta.value));
  }

  /** What ends here is told once more. */
  #readDone(event: JsonNode, type: string, group: string, texts: Texts): void {
    const place = placeOf(event);
    const key = type.slice(0, -DONE.length) + place;
    texts.endText(group, 'text', key);
    texts.endText(group, 'tokens', key);
    if (type === 'response.output_item.done') {
      this.#readItem(memberOf(event, 'item'), group, true, texts);
      texts.end(group);
      return;
    }
    this.#readPart(memberOf(event, 'part'), group, place, texts);
    if (type === 'response.content_part.done') texts.end(group);
    const nature = natureOf(type);
    for (const member of Object.keys(TEXT_MEMBERS)) {
      this.#readWhole(memberOf(event, member), group, type, place, nature, texts);
    }
    this.#readTokens(memberOf(event, 'logprobs'), group, place, texts);
    texts.wait(texts.calls.addTo(group, ''));
  }

  #readItem(item: JsonNode | undefined, group: string, whole: boolean, texts: Texts): void {
    const type = textIn(item, 'type');
    const member = Object.hasOwn(CALLS, type) ? CALLS[type] : undefined;
    if (member !== undefined) this.#judge(item, member, group, whole, texts);
    for (const [name, nature] of Object.entries(TEXT_MEMBERS)) {
      this.#readWhole(memberOf(item, name), group, name, '', nature, texts);
    }
    itemsOf(memberOf(item, 'content')).forEach((part, position) => {
      this.#readPart(part, group, `/${position}`, texts);
    });
    itemsOf(memberOf(item, 'summary')).forEach((part, position) => {
      this.#readPart(part, group, `/${position}`, texts);
    });
  }

  #readPart(part: JsonNode | undefined, group: string, place: string, texts: Texts): void {
    const type = textIn(part, 'type');
    const reasoning = type === 'reasoning_text' || type === 'summary_text';
    for (const name of ['text', 'refusal', 'transcript']) {
      this.#readWhole(memberOf(part, name), group, type, place, reasoning ? REASONING : SPOKEN, texts);
    }
    this.#readTokens(memberOf(part, 'logprobs'), group, place, texts);
  }

  #readResponse(response: JsonNode, type: string, texts: Texts): void {
    if (textIn(response, 'object') === 'response') readEchoes(response, texts);
    itemsOf(memberOf(response, 'output')).forEach((item, position) => {
      this.#readItem(item, `item ${position}`, !BEGINNINGS.has(type), texts);
    });
    if (!isLastEvent(type)) return;
    texts.end();
    texts.calls.end();
  }

  #readTokens(list: JsonNode | undefined, group: string, place: string, texts: Texts): void {
    const key = `whole${place}`;
    readTokens(list, texts, group, key, SPOKEN);
    texts.endText(group, 'tokens', key);
  }

  #judge(item: JsonNode | undefined, member: string, group: string, whole: boolean, texts: Texts): void {
    const name = textIn(item, 'name');
    const text = textIn(item, member);
    const gate = whole
      ? texts.calls.whole(group, group, { name, arguments: text })
      : texts.calls.add(group, group, { name, whole: text });
    texts.wait(gate);
  }

  #readWhole(
    node: JsonNode | undefined,
    group: string,
    type: string,
    place: string,
    nature: Nature,
    texts: Texts,
  ): void {
    if (node?.kind !== 'text' || node.value === '') return;
    texts.whole(node, this.#tell(group, type, place) ? nature : { ...nature, again: true });
  }

  /** True where it is told for the first time. */
  #tell(group: string, type: string, place: string): boolean {
    const key = `${group} ${strandOf(type)}${place}`;
    if (this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }
}

function readEchoes(response: JsonNode, texts: Texts): void {
  for (const name of ECHOED) {
    const value = memberOf(response, name);
    // A `text` that is one is none of the request's.
    if (name !== 'text' || value?.kind === 'object') texts.written(value, ECHO);
  }
}

const DELTA = '.delta';
const DONE = '.done';
const BEGINNINGS = new Set(['response.created', 'response.queued', 'response.in_progress']);

/** Where an event's text stands in its item; nothing for a text of the item itself. */
function placeOf(event: JsonNode): string {
  const index = numberIn(event, 'content_index') ?? numberIn(event, 'summary_index');
  return index === undefined ? '' : `/${index}`;
}

/** One word for all the names under which a text is told. */
function strandOf(type: string): string {
  if (type.includes('summary')) return 'summary';
  if (type.includes('reasoning')) return 'reasoning';
  if (type.includes('refusal')) return 'refusal';
  if (/arguments|input|code/.test(type)) return 'call';
  return 'text';
}

function natureOf(type: string): Nature {
  if (type.includes('reasoning')) return REASONING;
  if (type.includes('arguments')) return ARGUMENTS;
  return type.includes('input') || type.includes('code') ? INPUT : SPOKEN;
}
