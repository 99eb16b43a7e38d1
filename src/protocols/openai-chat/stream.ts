import type { ResponseFacts } from '../../contract/facts.ts';
import { isObject, objectOf, objectsOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import type { Assembly } from '../reader.ts';
import { Choices } from './choices.ts';
import { factsOfCompletion } from './unary.ts';

/** OpenAI's own limit for `n` is 128; tool calls of one message are as many at most. */
const CHOICES_MAX = 128;
const TOOLS_MAX = 1024;

/** Members of a delta that come in pieces. */
const TEXT_MEMBERS = ['content', 'refusal', 'reasoning_content', 'reasoning'];
const LIST_MEMBERS = ['annotations', 'reasoning_details'];

interface Choice {
  message: JsonObject;
  finishReason: string | null;
  logprobs: JsonObject | undefined;
  tools: Tool[];
}

interface Tool {
  /** As the server counts; undefined where it does not. */
  index: number | undefined;
  call: JsonObject;
  /** The call's `function` or `custom`. */
  target: JsonObject;
}

/** Chunks -> `chat.completion`. */
export class ChatAssembly implements Assembly {
  readonly #keep = new Keep();
  readonly #choices = new Choices<Choice>({
    keep: this.#keep,
    most: CHOICES_MAX,
    begin: () => ({ message: {}, finishReason: null, logprobs: undefined, tools: [] }),
    add: (choice, piece, chars) => {
      this.#addToChoice(choice, piece, chars);
    },
  });

  accept(chunk: JsonObject, chars: number): void {
    this.#choices.accept(chunk, chars);
  }

  done(): void {
    this.#choices.done();
  }

  facts(how: 'complete' | 'cut'): ResponseFacts {
    return this.#choices.tell(factsOfCompletion(this.rebuilt()), how);
  }

  rebuilt(): unknown {
    return this.#choices.rebuilt('chat.completion', (choice, index) => ({
      index,
      message: messageOf(choice),
      ...(choice.logprobs === undefined ? {} : { logprobs: choice.logprobs }),
      finish_reason: choice.finishReason,
    }));
  }

  #addToChoice(choice: Choice, piece: JsonObject, chars: number): void {
    // Some servers end with a whole `message` in place of a delta.
    this.#addDelta(choice, objectOf(piece['delta'] ?? piece['message']), chars);
    const logprobs = piece['logprobs'];
    if (isObject(logprobs)) {
      choice.logprobs ??= {};
      for (const list of ['content', 'refusal']) {
        for (const item of objectsOf(logprobs[list])) this.#keep.push(choice.logprobs, list, item, chars);
      }
    }
  }

  #addDelta(choice: Choice, delta: JsonObject, chars: number): void {
    const { message } = choice;
    this.#keep.set(message, 'role', delta['role'], chars);
    for (const member of TEXT_MEMBERS) this.#keep.append(message, member, delta[member]);
    for (const member of LIST_MEMBERS) {
      for (const item of objectsOf(delta[member])) this.#keep.push(message, member, item, chars);
    }
    for (const part of objectsOf(delta['content'])) this.#keep.append(message, 'content', part['text']);
    for (const fragment of objectsOf(delta['tool_calls'])) this.#addToTool(choice, fragment, chars);
    if (isObject(delta['function_call'])) {
      const legacy = objectOf(message['function_call']);
      message['function_call'] = legacy;
      this.#keep.append(legacy, 'name', delta['function_call']['name']);
      this.#keep.append(legacy, 'arguments', delta['function_call']['arguments']);
    }
    if (isObject(delta['audio'])) {
      const audio = objectOf(message['audio']);
      message['audio'] = audio;
      this.#keep.set(audio, 'id', delta['audio']['id'], chars);
      this.#keep.set(audio, 'expires_at', delta['audio']['expires_at'], chars);
      this.#keep.append(audio, 'data', delta['audio']['data']);
      this.#keep.append(audio, 'transcript', delta['audio']['transcript']);
    }
  }

  #addToTool(choice: Choice, fragment: JsonObject, chars: number): void {
    const custom = isObject(fragment['custom']);
    const piece = objectOf(fragment['custom'] ?? fragment['function']);
    const tool = toolFor(choice, fragment, piece);
    if (tool === undefined) return;
    this.#keep.set(tool.call, 'id', fragment['id'] === '' ? null : fragment['id'], chars);
    this.#keep.set(tool.call, 'type', fragment['type'], chars);
    tool.call[custom ? 'custom' : 'function'] = tool.target;
    // Whole in the first fragment; servers that repeat it do not mean twice the name.
    if (tool.target['name'] === undefined && piece['name'] !== '') {
      this.#keep.set(tool.target, 'name', piece['name'], chars);
    }
    const text = piece[custom ? 'input' : 'arguments'];
    this.#keep.append(tool.target, custom ? 'input' : 'arguments', isObject(text) ? JSON.stringify(text) : text);
  }
}

/**
 * The call that a fragment belongs to, a new one where it begins one. By index, as the API says; a fragment that has a
 * name and another id under a known index begins a call all the same (Gemini's dialect gives every call index 0), and
 * one without an index continues the latest call unless its id says otherwise.
 */
function toolFor(choice: Choice, fragment: JsonObject, piece: JsonObject): Tool | undefined {
  const index = typeof fragment['index'] === 'number' ? fragment['index'] : undefined;
  const id = textOrNull(fragment['id']);
  const known = choice.tools.findLast((tool) => index === undefined || tool.index === index);
  const otherId = id !== null && known?.call['id'] !== undefined && known.call['id'] !== id;
  const begins = otherId && (index === undefined || textOrNull(piece['name']) !== null);
  if (known !== undefined && !begins) return known;
  if (choice.tools.length >= TOOLS_MAX) return undefined;
  const tool: Tool = { index, call: {}, target: {} };
  choice.tools.push(tool);
  return tool;
}

function messageOf(choice: Choice): JsonObject {
  const message: JsonObject = { role: 'assistant', content: null, ...choice.message };
  // Without any text the whole response has null, also where the stream began with an empty piece.
  if (message['content'] === '' && choice.tools.length > 0) message['content'] = null;
  if (choice.tools.length > 0) message['tool_calls'] = choice.tools.map((tool) => tool.call);
  return message;
}
