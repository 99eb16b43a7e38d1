import type { ProviderError, ResponseFacts } from '../../contract/facts.ts';
import { isObject, mergeFields, objectOf, parseJson, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { providerError } from '../provider-error.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { factsOfMessage } from './unary.ts';

/** Far more content blocks than an answer with many server tool calls has. */
const BLOCKS_MAX = 16_384;

interface Block {
  value: JsonObject;
  /** Concatenated `partial_json`; undefined where none came. */
  input: string | undefined;
}

/** Events -> message. Keyed on `type` in the data; events, blocks and deltas that nobody knows are skipped. */
export class MessageAssembly implements Assembly {
  readonly #keep = new Keep();
  #message: JsonObject = {};
  readonly #usage: JsonObject = {};
  readonly #blocks = new Map<number, Block>();
  /** A stop reason came together with usage: nothing that follows changes the numbers. */
  #usageAtStop = false;
  #stopped = false;
  #error: ProviderError | null = null;

  accept(event: JsonObject, chars: number): void {
    switch (event['type']) {
      case 'message_start':
        this.#start(objectOf(event['message']), chars);
        return;
      case 'content_block_start':
        this.#startBlock(event['index'], objectOf(event['content_block']), chars);
        return;
      case 'content_block_delta':
        this.#addToBlock(event['index'], objectOf(event['delta']), chars);
        return;
      case 'message_delta':
        this.#addToMessage(event, chars);
        return;
      case 'message_stop':
        this.#stopped = true;
        return;
      case 'error':
      case undefined:
        // Platforms in front of the model send their errors without a type.
        if (isObject(event['error'])) this.#error ??= providerError('stream', event);
        return;
      default:
    }
  }

  done(): void {
    // Not a word of this API; compatible servers that add it have said `message_stop` before.
  }

  facts(): ResponseFacts {
    const { message, inputs } = this.#whole();
    const facts = factsOfMessage(message, inputs);
    if (facts.usage !== null) {
      facts.usage_state = this.#error === null && (this.#stopped || this.#usageAtStop) ? 'final' : 'partial';
    }
    facts.terminator = this.#stopped ? 'message_stop' : null;
    facts.complete = this.#stopped && this.#error === null;
    if (this.#error !== null) {
      facts.error = this.#error;
      facts.stop_reason = { raw: facts.stop_reason?.raw ?? '', canonical: 'error' };
    }
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    return this.#whole().message;
  }

  #whole(): { message: JsonObject; inputs: Map<number, string> } {
    const blocks = [...this.#blocks].sort(([a], [b]) => a - b).map(([, block]) => block);
    const inputs = new Map<number, string>();
    const content = blocks.map(({ value, input }, position) => {
      if (input === undefined) return value;
      inputs.set(position, input);
      // A call that was cut short has no input that can be read.
      return { ...value, input: parseJson(input) ?? {} };
    });
    const message: JsonObject = { ...this.#message, content };
    if (Object.keys(this.#usage).length > 0) message['usage'] = this.#usage;
    return { message, inputs };
  }

  #start(message: JsonObject, chars: number): void {
    if (isObject(message['usage'])) mergeFields(this.#usage, message['usage']);
    if (this.#keep.take(chars)) this.#message = { ...this.#message, ...message };
  }

  #startBlock(index: unknown, value: JsonObject, chars: number): void {
    if (typeof index !== 'number' || this.#blocks.size >= BLOCKS_MAX || !this.#keep.take(chars)) return;
    this.#blocks.set(index, { value: { ...value }, input: undefined });
  }

  #addToBlock(index: unknown, delta: JsonObject, chars: number): void {
    const block = typeof index === 'number' ? this.#blocks.get(index) : undefined;
    if (block === undefined) return;
    switch (delta['type']) {
      case 'text_delta':
        this.#keep.append(block.value, 'text', delta['text']);
        return;
      case 'thinking_delta':
        this.#keep.append(block.value, 'thinking', delta['thinking']);
        return;
      case 'signature_delta':
        this.#keep.append(block.value, 'signature', delta['signature']);
        return;
      case 'compaction_delta':
        this.#keep.append(block.value, 'content', delta['content']);
        return;
      case 'citations_delta':
        this.#keep.push(block.value, 'citations', delta['citation'], chars);
        return;
      case 'input_json_delta': {
        const piece = delta['partial_json'];
        if (typeof piece === 'string' && this.#keep.take(piece.length)) block.input = (block.input ?? '') + piece;
        return;
      }
      default:
    }
  }

  #addToMessage(event: JsonObject, chars: number): void {
    const delta = objectOf(event['delta']);
    for (const member of ['stop_reason', 'stop_sequence', 'stop_details', 'container']) {
      this.#keep.set(this.#message, member, delta[member], chars);
    }
    this.#keep.set(this.#message, 'context_management', event['context_management'], chars);
    if (!isObject(event['usage'])) return;
    // Cumulative: each field that is there replaces the earlier one, none is added up (failure mode 8).
    mergeFields(this.#usage, event['usage']);
    this.#usageAtStop = textOrNull(this.#message['stop_reason']) !== null;
  }
}
