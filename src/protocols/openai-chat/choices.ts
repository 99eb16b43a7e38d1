import type { ResponseFacts } from '../../contract/facts.ts';
import { objectsOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { Keep } from '../keep.ts';
import { flag } from '../tally.ts';
import { StreamEnd } from './stream-end.ts';

/** Members of a chunk that the whole response has too. Padding (`obfuscation`, `p`) is not among them. */
const HEAD_MEMBERS = ['id', 'created', 'model', 'service_tier', 'system_fingerprint', 'provider'];

interface AnyChoice {
  finishReason: string | null;
}

export interface ChoiceParts<Choice> {
  keep: Keep;
  /** More choices than these are passed over. */
  most: number;
  begin: () => Choice;
  /** Adds a chunk's piece of a choice to it. */
  add: (choice: Choice, piece: JsonObject, chars: number) => void;
}

/** What chunks of OpenAI's chat and of its older completions share: a head, choices that grow side by side, and an end. */
export class Choices<Choice extends AnyChoice> {
  readonly #parts: ChoiceParts<Choice>;
  readonly #head: JsonObject = {};
  readonly #choices = new Map<number, Choice>();
  readonly #end = new StreamEnd();

  constructor(parts: ChoiceParts<Choice>) {
    this.#parts = parts;
  }

  accept(chunk: JsonObject, chars: number): void {
    for (const member of HEAD_MEMBERS) {
      const value = chunk[member];
      if (value !== '') this.#parts.keep.set(this.#head, member, value, chars);
    }
    for (const piece of objectsOf(chunk['choices'])) this.#add(piece, chars);
    this.#end.accept(chunk, this.#allFinished);
  }

  done(): void {
    this.#end.done();
  }

  /** Adds to the facts of the rebuilt response how its stream ended. */
  tell(facts: ResponseFacts, how: 'complete' | 'cut'): ResponseFacts {
    this.#end.tell(facts, how, this.#allFinished());
    if (this.#parts.keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  /** The whole response, of choices as `show` has them. */
  rebuilt(object: string, show: (choice: Choice, index: number) => JsonObject): JsonObject {
    const choices = [...this.#choices].sort(([a], [b]) => a - b).map(([index, choice]) => show(choice, index));
    return this.#end.withUsage({ ...this.#head, object, choices });
  }

  /** A value: it is handed on with each chunk. */
  readonly #allFinished = (): boolean => {
    if (this.#choices.size === 0) return false;
    return [...this.#choices.values()].every((choice) => choice.finishReason !== null);
  };

  #add(piece: JsonObject, chars: number): void {
    const index = typeof piece['index'] === 'number' ? piece['index'] : 0;
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      if (this.#choices.size >= this.#parts.most) return;
      choice = this.#parts.begin();
      this.#choices.set(index, choice);
    }
    choice.finishReason = textOrNull(piece['finish_reason']) ?? choice.finishReason;
    this.#parts.add(choice, piece, chars);
  }
}
