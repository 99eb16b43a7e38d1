import type { ResponseFacts } from '../../contract/facts.ts';
import { arrayOf, isObject, objectsOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { StreamEnd } from '../openai-chat/stream-end.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { factsOfTextCompletion } from './unary.ts';

/** OpenAI's own limit for `n` is 128, and each of several prompts has as many. */
const CHOICES_MAX = 2048;

const HEAD_MEMBERS = ['id', 'created', 'model', 'service_tier', 'system_fingerprint', 'provider'];

/** Members of a choice's odds, each a list with one item a token. */
const ODDS = ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'];

interface Choice {
  /** `text`. */
  said: JsonObject;
  finishReason: string | null;
  logprobs: JsonObject | undefined;
}

/** Chunks -> `text_completion`. */
export class TextAssembly implements Assembly {
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
    const facts = factsOfTextCompletion(this.rebuilt());
    this.#end.tell(facts, how, this.#allFinished());
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    const choices = [...this.#choices].sort(([a], [b]) => a - b);
    return this.#end.withUsage({
      ...this.#head,
      object: 'text_completion',
      choices: choices.map(([index, { said, logprobs, finishReason }]) => ({
        text: said['text'] ?? '',
        index,
        logprobs: logprobs ?? null,
        finish_reason: finishReason,
      })),
    });
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
      choice = { said: {}, finishReason: null, logprobs: undefined };
      this.#choices.set(index, choice);
    }
    choice.finishReason = textOrNull(piece['finish_reason']) ?? choice.finishReason;
    this.#keep.append(choice.said, 'text', piece['text']);
    const odds = piece['logprobs'];
    if (!isObject(odds)) return;
    choice.logprobs ??= {};
    for (const list of ODDS) {
      for (const item of arrayOf(odds[list])) this.#keep.push(choice.logprobs, list, item, chars);
    }
  }
}
