import type { ResponseFacts } from '../../contract/facts.ts';
import { emptyResponseFacts } from '../facts.ts';
import { isObject, textOf, textOrNull } from '../json.ts';
import { reportedCost } from '../openai-chat/usage.ts';
import { providerError } from '../provider-error.ts';
import { noteSeconds, usageOfMedia } from './usage.ts';
import type { Made } from './usage.ts';

/** Facts of an answer that came whole, as JSON or put together again. These APIs say nothing of why they stopped. */
export function factsOfMedia(body: unknown, made: Made): ResponseFacts {
  if (!isObject(body)) return { ...emptyResponseFacts(), complete: true };
  const facts = finished();
  facts.model_served = textOrNull(body['model']);
  facts.text = textOf(body['text']);
  facts.usage = usageOfMedia(body['usage'], made, facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  facts.reported_cost_nanodollars = reportedCost(body['usage']);
  noteSeconds(body['usage'], facts.usage_detail);
  if (isObject(body['error']) || typeof body['error'] === 'string') {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: '', canonical: 'error' };
  }
  return facts;
}

/** Facts of an answer that came whole, and of which nobody tells the usage. */
export function finished(): ResponseFacts {
  return { ...emptyResponseFacts(), complete: true, stop_reason: { raw: '', canonical: 'stop' } };
}
