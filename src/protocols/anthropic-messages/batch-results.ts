import type { ResponseFacts } from '../../contract/facts.ts';
import { LineReader } from '../batches/lines.ts';
import { emptyResponseFacts } from '../facts.ts';
import { isObject, objectOf, parseJson, textOrNull } from '../json.ts';
import type { ResponseReader } from '../protocol.ts';
import { providerError } from '../provider-error.ts';
import { flag } from '../tally.ts';
import { factsOfMessage } from './unary.ts';

/** Lines whose outcome the facts list; the rest is flagged. A batch has up to 100,000. */
const RESULTS_MAX = 1000;

/**
 * The JSON Lines of a message batch. Each line's usage is listed in `usage_detail.results`, and is not this exchange's
 * own: the same file can be downloaded again and again, and is to be booked once per message id.
 */
export class BatchResults implements ResponseReader {
  readonly #facts = emptyResponseFacts();
  readonly #results: Record<string, unknown>[] = [];
  readonly #lines = new LineReader((line) => {
    const { usage_flags: flags } = this.#facts;
    const value = parseJson(line);
    if (!isObject(value)) flag(flags, 'unreadable_event');
    else if (this.#results.length === RESULTS_MAX) flag(flags, 'kept_truncated');
    else this.#results.push(this.#resultOf(value, this.#facts));
  });

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    this.#lines.end();
    const facts = this.#facts;
    facts.complete = how === 'complete';
    if (this.#lines.passedOver > 0) flag(facts.usage_flags, 'event_over_limit');
    facts.usage_detail['results'] = this.#results;
    return facts;
  }

  #resultOf(line: Record<string, unknown>, facts: ResponseFacts): Record<string, unknown> {
    const result = objectOf(line['result']);
    const outcome: Record<string, unknown> = {
      custom_id: textOrNull(line['custom_id']),
      type: textOrNull(result['type']),
    };
    if (isObject(result['message'])) {
      const message = factsOfMessage(result['message']);
      outcome['response_id'] = message.response_id;
      outcome['model'] = message.model_served;
      outcome['usage'] = message.usage;
      facts.service_tier ??= message.service_tier;
    }
    if (isObject(result['error'])) outcome['error'] = providerError('body', result['error']);
    return outcome;
  }
}
