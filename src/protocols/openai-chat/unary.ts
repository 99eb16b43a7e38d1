import type { ResponseFacts, ToolCall } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { textsOf } from '../conversation.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOrNull, isObject, jsonText, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { providerError } from '../provider-error.ts';
import { detail } from '../tally.ts';
import { reportedCost, usageOfChat } from './usage.ts';

const STOP_REASONS: Record<string, StopReason> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'content_filter',
  // OpenRouter's word.
  error: 'error',
};

/** Facts of a whole `chat.completion`, as it came or as a stream was put together. */
export function factsOfCompletion(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  if (!isObject(body)) return facts;
  const choices = objectsOf(body['choices']);
  const first = choices[0] ?? {};
  const message = objectOf(first['message']);
  const usage = body['usage'] ?? objectOf(body['x_groq'])['usage'];

  facts.model_served = textOrNull(body['model']);
  facts.response_id = textOrNull(body['id']);
  facts.service_tier = textOrNull(body['service_tier']);
  facts.text = textsOf(message['content']).join('');
  facts.tool_calls = choices.flatMap((choice) => toolCallsOf(objectOf(choice['message'])));
  facts.usage = usageOfChat(usage, facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  facts.reported_cost_nanodollars = reportedCost(usage);

  const refusal = textOrNull(message['refusal']);
  const written = objectOf(objectOf(usage)['completion_tokens_details']);
  detail(facts.usage_detail, 'accepted_prediction', countOrNull(written['accepted_prediction_tokens']));
  detail(facts.usage_detail, 'rejected_prediction', countOrNull(written['rejected_prediction_tokens']));
  detail(facts.usage_detail, 'refusal', refusal);

  const raw = textOrNull(first['finish_reason']);
  if (raw !== null) facts.stop_reason = { raw, canonical: canonicalStop(raw, refusal) };
  if (isObject(body['error']) || typeof body['error'] === 'string') {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: raw ?? '', canonical: 'error' };
  }
  return facts;
}

function canonicalStop(raw: string, refusal: string | null): StopReason | null {
  if (raw === 'stop' && refusal !== null) return 'refusal';
  return Object.hasOwn(STOP_REASONS, raw) ? (STOP_REASONS[raw] ?? null) : null;
}

function toolCallsOf(message: JsonObject): ToolCall[] {
  const calls = objectsOf(message['tool_calls']).map((call) => {
    const custom = call['custom'];
    const target = objectOf(custom ?? call['function']);
    return {
      id: textOrNull(call['id']),
      name: textOf(target['name']),
      arguments: argumentsText(isObject(custom) ? target['input'] : target['arguments']),
    };
  });
  const legacy = message['function_call'];
  if (!isObject(legacy)) return calls;
  return [...calls, { id: null, name: textOf(legacy['name']), arguments: argumentsText(legacy['arguments']) }];
}

/** A string by the API's word; some compatible servers send the object itself. */
function argumentsText(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : jsonText(value);
}
