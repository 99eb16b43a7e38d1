import type { ApiReader } from './api-reader.ts';
import { itemsOf, memberOf, numberIn, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { readOthers, readPieces, readTokens } from './others.ts';
import { ARGUMENTS, INPUT, REASONING, SIGNED, SPOKEN } from './reading.ts';
import type { Texts } from './reading.ts';

interface Call {
  index: number | undefined;
  id: string;
  key: string;
}

/** Chunks and whole completions of OpenAI's chat API, and of those that speak like it. */
export class ChatReader implements ApiReader {
  /** By choice. */
  readonly #calls = new Map<number, Call[]>();

  read(root: JsonNode, texts: Texts): void {
    for (const choice of itemsOf(memberOf(root, 'choices'))) this.#readChoice(choice, texts);
  }

  #readChoice(choice: JsonNode, texts: Texts): void {
    const index = numberIn(choice, 'index') ?? 0;
    const group = `choice ${index}`;
    const delta = memberOf(choice, 'delta');
    // Some servers end with a whole `message` in place of a delta.
    const message = delta?.kind === 'object' ? delta : memberOf(choice, 'message');
    // What was whole before.
    texts.piece(memberOf(choice, 'text'), group, 'text', 'text', SPOKEN);
    this.#readMessage(message, index, group, texts);
    const odds = memberOf(choice, 'logprobs');
    readTokens(memberOf(odds, 'content'), texts, group, 'content', SPOKEN);
    readTokens(memberOf(odds, 'refusal'), texts, group, 'refusal', SPOKEN);
    if (textIn(choice, 'finish_reason') === '') return;
    texts.end(group);
    texts.calls.end(group);
  }

  #readMessage(message: JsonNode | undefined, index: number, group: string, texts: Texts): void {
    texts.piece(memberOf(message, 'reasoning_content'), group, 'thinking', 'content', REASONING);
    texts.piece(memberOf(message, 'reasoning'), group, 'thinking', 'reasoning', REASONING);
    // They may hold signatures, which come last.
    const details = memberOf(message, 'reasoning_details');
    if (details !== undefined) readOthers(details, texts, SIGNED);
    const content = memberOf(message, 'content');
    texts.piece(content, group, 'text', 'content', SPOKEN);
    for (const part of itemsOf(content)) texts.piece(memberOf(part, 'text'), group, 'text', 'content', SPOKEN);
    texts.piece(memberOf(message, 'refusal'), group, 'text', 'refusal', SPOKEN);
    texts.piece(memberOf(memberOf(message, 'audio'), 'transcript'), group, 'text', 'transcript', SPOKEN);
    itemsOf(memberOf(message, 'tool_calls')).forEach((fragment, position) => {
      this.#readCall(fragment, index, group, position, texts);
    });
    const legacy = memberOf(message, 'function_call');
    if (legacy !== undefined) readFunction(legacy, 'arguments', group, 'legacy', texts);
    readPieces(message, texts, group, 'message');
  }

  #readCall(fragment: JsonNode, index: number, group: string, position: number, texts: Texts): void {
    const custom = memberOf(fragment, 'custom');
    const target = custom?.kind === 'object' ? custom : memberOf(fragment, 'function');
    const { key, begins } = this.#callOf(fragment, textIn(target, 'name'), index, position);
    // Servers without indices tell by the next call that one is over.
    if (begins && numberIn(fragment, 'index') === undefined) texts.calls.end(group);
    readFunction(target, target === custom ? 'input' : 'arguments', group, key, texts);
  }

  /** As `protocols/openai-chat/stream.ts` puts them together. */
  #callOf(fragment: JsonNode, name: string, choice: number, position: number): { key: string; begins: boolean } {
    const calls = this.#calls.get(choice) ?? [];
    this.#calls.set(choice, calls);
    const index = numberIn(fragment, 'index');
    const id = textIn(fragment, 'id');
    const known = calls.findLast((call) => index === undefined || call.index === index);
    const otherId = id !== '' && known !== undefined && known.id !== '' && known.id !== id;
    // Two calls of one message without index or id are two by their place.
    const second = index === undefined && id === '' && name !== '' && position > 0;
    if (known !== undefined && !(otherId && (index === undefined || name !== '')) && !second) {
      if (known.id === '') known.id = id;
      return { key: known.key, begins: false };
    }
    const call = { index, id, key: `call ${calls.length}` };
    calls.push(call);
    return { key: call.key, begins: true };
  }
}

function readFunction(
  target: JsonNode | undefined,
  member: 'arguments' | 'input',
  group: string,
  key: string,
  texts: Texts,
): void {
  const value = memberOf(target, member);
  const name = textIn(target, 'name');
  const text = value?.kind === 'text' ? value.value : undefined;
  texts.wait(texts.calls.add(`${group}/${key}`, group, { name, ...(text === undefined ? {} : { piece: text }) }));
  // Some compatible servers send the arguments themselves.
  if (value?.kind === 'object') {
    texts.wait(texts.calls.add(`${group}/${key}`, group, { whole: texts.jsonOf(value) }));
    texts.written(value, INPUT);
  } else texts.piece(value, group, 'tool', key, member === 'input' ? INPUT : ARGUMENTS);
}
