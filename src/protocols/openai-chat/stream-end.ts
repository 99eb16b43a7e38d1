import type { ProviderError, ResponseFacts } from '../../contract/facts.ts';
import { isObject, mergeFields, objectOf } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { providerError } from '../provider-error.ts';

/** What chunks of OpenAI's streams tell beside their choices: usage, an error, and that this was all. */
export class StreamEnd {
  readonly #usage: JsonObject = {};
  /** The latest usage came when every choice had its end: it is the last word, also where `[DONE]` is missing. */
  #usageAtEnd = false;
  #done = false;
  #error: ProviderError | null = null;

  /** `allFinished`: whether, with this chunk, every choice has its end. */
  accept(chunk: JsonObject, allFinished: () => boolean): void {
    const usage = chunk['usage'] ?? objectOf(chunk['x_groq'])['usage'];
    if (isObject(usage)) {
      mergeFields(this.#usage, usage);
      this.#usageAtEnd = allFinished();
    }
    const error = chunk['error'];
    if (isObject(error) || typeof error === 'string') this.#error ??= providerError('stream', chunk);
  }

  done(): void {
    this.#done = true;
  }

  /** The rebuilt response with the usage that came. */
  withUsage(whole: JsonObject): JsonObject {
    return Object.keys(this.#usage).length > 0 ? { ...whole, usage: this.#usage } : whole;
  }

  /** Adds how the stream ended to the facts of the rebuilt response. */
  tell(facts: ResponseFacts, how: 'complete' | 'cut', allFinished: boolean): void {
    if (facts.usage !== null) {
      facts.usage_state = this.#error === null && (this.#done || this.#usageAtEnd) ? 'final' : 'partial';
    }
    facts.terminator = this.#done ? '[DONE]' : null;
    // Compatible servers leave [DONE] out: then every choice must have ended, and the body as HTTP says it should.
    facts.complete = this.#error === null && (this.#done || (how === 'complete' && allFinished));
    if (this.#error === null) return;
    facts.error = this.#error;
    facts.stop_reason = { raw: facts.stop_reason?.raw ?? '', canonical: 'error' };
  }
}
