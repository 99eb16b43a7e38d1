import type { ProviderError, ResponseFacts } from '../../contract/facts.ts';
import { isObject, mergeFields, textOf } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { providerError } from '../provider-error.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import type { Made } from './usage.ts';
import { factsOfMedia } from './whole.ts';

/** How one of these APIs streams. All of them end with an event that has the usage, and perhaps all that was made. */
export interface MediaShape {
  made: Made;
  /** The events that end something: the answer, or one of several images. */
  terminal: ReadonlySet<string>;
  /** Adds what an event brings to the answer as the API would have sent it whole. */
  add(whole: JsonObject, event: JsonObject, keep: Keep, chars: number): void;
}

/** Events -> the answer in one piece. */
export class MediaAssembly implements Assembly {
  readonly #shape: MediaShape;
  readonly #keep = new Keep();
  readonly #whole: JsonObject = {};
  #usage: JsonObject | undefined;
  #usages = 0;
  #terminator: string | null = null;
  #error: ProviderError | null = null;

  constructor(shape: MediaShape) {
    this.#shape = shape;
  }

  accept(event: JsonObject, chars: number): void {
    const type = textOf(event['type']);
    if (type === 'error' || (type === '' && isObject(event['error']))) {
      this.#error ??= providerError('stream', isObject(event['error']) ? event : { error: { ...event, type: null } });
      return;
    }
    this.#shape.add(this.#whole, event, this.#keep, chars);
    if (isObject(event['usage'])) {
      this.#usage ??= {};
      // Of several images: the last one's word, as nobody says that they are to be summed.
      mergeFields(this.#usage, event['usage']);
      this.#usages += 1;
    }
    if (this.#shape.terminal.has(type)) this.#terminator = type;
  }

  done(): void {
    this.#terminator ??= '[DONE]';
  }

  facts(): ResponseFacts {
    const facts = factsOfMedia(this.rebuilt(), this.#shape.made);
    facts.terminator = this.#terminator;
    facts.complete = this.#terminator !== null && this.#error === null;
    if (this.#terminator === null) {
      facts.stop_reason = null;
      if (facts.usage !== null) facts.usage_state = 'partial';
    }
    if (this.#error !== null) {
      facts.error = this.#error;
      facts.stop_reason = { raw: '', canonical: 'error' };
    }
    if (this.#usages > 1) flag(facts.usage_flags, 'usage_repeated');
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    return this.#usage === undefined ? this.#whole : { ...this.#whole, usage: this.#usage };
  }
}
