import type { ResponseFacts } from '../../contract/facts.ts';
import { isObject, mergeFields, objectOf, parseJson, textOf } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { factsOfConverse } from './converse.ts';

/** Far more content blocks than any answer has. */
const BLOCKS_MAX = 16_384;

interface Block {
  value: JsonObject;
  /** Concatenated fragments of a tool's input; undefined where none came. */
  input: string | undefined;
}

/** Events of a Converse stream, each as `{<its type>: <its payload>}`, which is how Nova's own events are written. */
export class ConverseAssembly implements Assembly {
  readonly #keep = new Keep();
  readonly #blocks = new Map<number, Block>();
  readonly #usage: JsonObject = {};
  readonly #metadata: JsonObject = {};
  #role = 'assistant';
  #stop: JsonObject = {};
  #stopped = false;
  #told = false;

  accept(event: JsonObject, chars: number): void {
    if (isObject(event['messageStart'])) this.#role = textOf(event['messageStart']['role']) || this.#role;
    if (isObject(event['contentBlockStart'])) this.#startBlock(event['contentBlockStart'], chars);
    if (isObject(event['contentBlockDelta'])) this.#addToBlock(event['contentBlockDelta'], chars);
    if (isObject(event['messageStop'])) {
      this.#stopped = true;
      if (this.#keep.take(chars)) this.#stop = event['messageStop'];
    }
    if (isObject(event['metadata'])) this.#tell(event['metadata'], chars);
  }

  done(): void {
    // Not a word of this API.
  }

  facts(): ResponseFacts {
    const { whole, inputs } = this.#whole();
    const facts = factsOfConverse(whole, inputs);
    if (facts.usage !== null) facts.usage_state = this.#stopped ? 'final' : 'partial';
    // Usage comes behind the last word of the message.
    facts.complete = this.#stopped && this.#told;
    facts.terminator = facts.complete ? 'metadata' : null;
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    return this.#whole().whole;
  }

  #whole(): { whole: JsonObject; inputs: Map<number, string> } {
    const blocks = [...this.#blocks].sort(([a], [b]) => a - b).map(([, block]) => block);
    const inputs = new Map<number, string>();
    const content = blocks.map(({ value, input }, position) => {
      if (input === undefined) return value;
      inputs.set(position, input);
      // A call that was cut short has no input that can be read.
      return { ...value, toolUse: { ...objectOf(value['toolUse']), input: parseJson(input) ?? {} } };
    });
    const whole: JsonObject = { output: { message: { role: this.#role, content } }, ...unpadded(this.#stop) };
    if (Object.keys(this.#usage).length > 0) whole['usage'] = this.#usage;
    return { whole: { ...whole, ...this.#metadata }, inputs };
  }

  #tell(metadata: JsonObject, chars: number): void {
    this.#told = true;
    if (isObject(metadata['usage'])) mergeFields(this.#usage, metadata['usage']);
    for (const member of ['metrics', 'trace', 'serviceTier', 'performanceConfig']) {
      this.#keep.set(this.#metadata, member, metadata[member], chars);
    }
  }

  #startBlock(event: JsonObject, chars: number): void {
    const start = objectOf(event['start']);
    const block = this.#blockAt(event['contentBlockIndex']);
    if (block !== undefined && this.#keep.take(chars)) Object.assign(block.value, start);
  }

  /** A block of text has no start: its first piece makes it. */
  #blockAt(index: unknown): Block | undefined {
    if (typeof index !== 'number') return undefined;
    const known = this.#blocks.get(index);
    if (known !== undefined || this.#blocks.size >= BLOCKS_MAX) return known;
    const block: Block = { value: {}, input: undefined };
    this.#blocks.set(index, block);
    return block;
  }

  #addToBlock(event: JsonObject, chars: number): void {
    const block = this.#blockAt(event['contentBlockIndex']);
    const delta = objectOf(event['delta']);
    if (block === undefined) return;
    this.#keep.append(block.value, 'text', delta['text']);
    const piece = objectOf(delta['toolUse'])['input'];
    if (typeof piece === 'string' && this.#keep.take(piece.length)) block.input = (block.input ?? '') + piece;
    if (isObject(delta['reasoningContent'])) this.#addReasoning(block.value, delta['reasoningContent']);
    if (isObject(delta['citation'])) this.#keep.push(block.value, 'citations', delta['citation'], chars);
  }

  #addReasoning(value: JsonObject, piece: JsonObject): void {
    const content = isObject(value['reasoningContent']) ? value['reasoningContent'] : {};
    value['reasoningContent'] = content;
    if (piece['redactedContent'] !== undefined) {
      this.#keep.append(content, 'redactedContent', piece['redactedContent']);
      return;
    }
    const said = isObject(content['reasoningText']) ? content['reasoningText'] : {};
    content['reasoningText'] = said;
    this.#keep.append(said, 'text', piece['text']);
    this.#keep.append(said, 'signature', piece['signature']);
  }
}

/** Payloads are padded with a member `p`, so that their size says nothing of their text. */
function unpadded({ p: _padding, ...members }: JsonObject): JsonObject {
  return members;
}
