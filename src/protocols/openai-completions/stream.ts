import type { ResponseFacts } from '../../contract/facts.ts';
import { arrayOf, isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { Choices } from '../openai-chat/choices.ts';
import type { Assembly } from '../reader.ts';
import { factsOfTextCompletion } from './unary.ts';

/** OpenAI's own limit for `n` is 128, and each of several prompts has as many. */
const CHOICES_MAX = 2048;

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
  readonly #choices = new Choices<Choice>({
    keep: this.#keep,
    most: CHOICES_MAX,
    begin: () => ({ said: {}, finishReason: null, logprobs: undefined }),
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
    return this.#choices.tell(factsOfTextCompletion(this.rebuilt()), how);
  }

  rebuilt(): unknown {
    return this.#choices.rebuilt('text_completion', ({ said, logprobs, finishReason }, index) => ({
      text: said['text'] ?? '',
      index,
      logprobs: logprobs ?? null,
      finish_reason: finishReason,
    }));
  }

  #addToChoice(choice: Choice, piece: JsonObject, chars: number): void {
    this.#keep.append(choice.said, 'text', piece['text']);
    const odds = piece['logprobs'];
    if (!isObject(odds)) return;
    choice.logprobs ??= {};
    for (const list of ODDS) {
      for (const item of arrayOf(odds[list])) this.#keep.push(choice.logprobs, list, item, chars);
    }
  }
}
