import type { ResponseFacts } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { isObject, objectsOf, textOf, textOrNull } from '../json.ts';
import { reportedCost, usageOfChat } from '../openai-chat/usage.ts';
import { providerError } from '../provider-error.ts';

/** Others are kept as they came. `error` is vLLM's and OpenRouter's word. */
const STOP_REASONS = new Map<string, StopReason>([
  ['stop', 'stop'],
  ['length', 'length'],
  ['content_filter', 'content_filter'],
  ['error', 'error'],
]);

/** Facts of a whole `text_completion`, as it came or as a stream was put together. */
export function factsOfTextCompletion(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  if (!isObject(body)) return facts;
  const [first = {}] = objectsOf(body['choices']);

  facts.model_served = textOrNull(body['model']);
  facts.response_id = textOrNull(body['id']);
  facts.service_tier = textOrNull(body['service_tier']);
  facts.text = textOf(first['text']);
  facts.usage = usageOfChat(body['usage'], facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  facts.reported_cost_nanodollars = reportedCost(body['usage']);

  const raw = textOrNull(first['finish_reason']);
  if (raw !== null) facts.stop_reason = { raw, canonical: STOP_REASONS.get(raw) ?? null };
  if (isObject(body['error']) || typeof body['error'] === 'string') {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: raw ?? '', canonical: 'error' };
  }
  return facts;
}
