import type { ResponseFacts } from '../../contract/facts.ts';
import { emptyResponseFacts } from '../facts.ts';
import { isObject, objectOf, parseJson, textOrNull } from '../json.ts';
import type { ResponseReader } from '../protocol.ts';
import { providerError } from '../provider-error.ts';
import { UNARY_LIMIT_BYTES } from '../reader.ts';
import { flag } from '../tally.ts';
import { factsOfMessage } from './unary.ts';

/** Lines whose outcome the facts list; the rest is flagged. A batch has up to 100,000. */
const RESULTS_MAX = 1000;

/**
 * The JSON Lines of a message batch. Each line's usage is listed in `usage_detail.results`, and is not this exchange's
 * own: the same file can be downloaded again and again, and is to be booked once per message id.
 */
export class BatchResults implements ResponseReader {
  #chunks: Buffer[] = [];
  #bytes = 0;

  push(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= UNARY_LIMIT_BYTES) this.#chunks.push(Buffer.from(bytes));
    else this.#chunks = [];
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    const facts = emptyResponseFacts();
    facts.complete = how === 'complete';
    if (this.#bytes > UNARY_LIMIT_BYTES) flag(facts.usage_flags, 'body_over_limit');
    const lines = Buffer.concat(this.#chunks).toString('utf8').split('\n');
    this.#chunks = [];
    const results: Record<string, unknown>[] = [];
    for (const line of lines) {
      if (line.trim() === '') continue;
      const value = parseJson(line);
      if (!isObject(value)) flag(facts.usage_flags, 'unreadable_event');
      else if (results.length === RESULTS_MAX) flag(facts.usage_flags, 'kept_truncated');
      else results.push(this.#resultOf(value, facts));
    }
    facts.usage_detail['results'] = results;
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
