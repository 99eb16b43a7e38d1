import type { ResponseFacts } from '../../contract/facts.ts';
import { isObject, objectOf, objectsOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { StreamEnd } from './stream-end.ts';
import { factsOfCompletion } from './unary.ts';

/** OpenAI's own limit for `n` is 128; tool calls of one message are as many at most. */
const CHOICES_MAX = 128;
const TOOLS_MAX = 1024;

/** Members of a chunk that the whole response has too. Padding (`obfuscation`, `p`) is not among them. */
const HEAD_MEMBERS = ['id', 'created', 'model', 'service_tier', 'system_fingerprint', 'provider'];

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
  readonly #head: JsonObject = {};
  readonly #choices = new Map<number, Choice>();
  readonly #end = new StreamEnd();

  accept(chunk: JsonObject, chars: number): void {
    for (const member of HEAD_MEMBERS) {
      const value = chunk[member];
      if (value !== '') this.#keep.set(this.#head, member, value, chars);
    }
    for (const choice of objectsOf(chunk['choices'])) this.#addToChoice(choice, chars);
    this.#end.accept(chunk, this.#allFinished);
  }

  done(): void {
    this.#end.done();
  }

  facts(how: 'complete' | 'cut'): ResponseFacts {
    const facts = factsOfCompletion(this.rebuilt());
    this.#end.tell(facts, how, this.#allFinished());
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    const choices = [...this.#choices].sort(([a], [b]) => a - b);
    const whole: JsonObject = {
      ...this.#head,
      object: 'chat.completion',
      choices: choices.map(([index, choice]) => ({
        index,
        message: messageOf(choice),
        ...(choice.logprobs === undefined ? {} : { logprobs: choice.logprobs }),
        finish_reason: choice.finishReason,
      })),
    };
    return this.#end.withUsage(whole);
  }

  /** A value: it is handed on with each chunk. */
  readonly #allFinished = (): boolean => {
    if (this.#choices.size === 0) return false;
    return [...this.#choices.values()].every((choice) => choice.finishReason !== null);
  };

  #addToChoice(piece: JsonObject, chars: number): void {
    const index = typeof piece['index'] === 'number' ? piece['index'] : 0;
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      if (this.#choices.size >= CHOICES_MAX) return;
      choice = { message: {}, finishReason: null, logprobs: undefined, tools: [] };
      this.#choices.set(index, choice);
    }
    choice.finishReason = textOrNull(piece['finish_reason']) ?? choice.finishReason;
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
