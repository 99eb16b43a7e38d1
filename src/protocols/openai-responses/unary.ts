import type { ResponseFacts, ToolCall } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOf, countOrNull, isObject, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { reportedCost } from '../openai-chat/usage.ts';
import { providerError } from '../provider-error.ts';
import { madeByItems } from '../resources/made-in-response.ts';
import { detail } from '../tally.ts';
import { usageDetailOfResponse, usageOfResponse } from './usage.ts';

/** Statuses after which nothing more comes. `queued` and `in_progress` belong to background work. */
const TERMINAL = new Set(['completed', 'incomplete', 'failed', 'cancelled']);

const INCOMPLETE_REASONS: Record<string, StopReason> = {
  max_output_tokens: 'length',
  content_filter: 'content_filter',
};

/** Items of tools that OpenAI ran, by the name that their calls are counted under. */
const SERVER_TOOL_ITEMS: Record<string, string> = {
  web_search_call: 'web_search',
  file_search_call: 'file_search',
  code_interpreter_call: 'code_interpreter',
  image_generation_call: 'image_generation',
};

/** Facts of a whole `response`, as it came or as a stream was put together. */
export function factsOfResponse(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  if (!isObject(body)) return { ...facts, complete: true };
  const items = objectsOf(body['output']);
  const parts = items.flatMap((item) => (item['type'] === 'message' ? objectsOf(item['content']) : []));
  const refusal = parts.map((part) => (part['type'] === 'refusal' ? textOf(part['refusal']) : '')).join('');
  const status = textOrNull(body['status']);

  // What is no response object, such as the list of its input items, has no status and is whole as it is.
  facts.complete = status === null || TERMINAL.has(status);
  facts.model_served = textOrNull(body['model']);
  facts.response_id = textOrNull(body['id']);
  facts.service_tier = textOrNull(body['service_tier']);
  facts.text = parts.map((part) => (part['type'] === 'output_text' ? textOf(part['text']) : '')).join('');
  facts.tool_calls = items.flatMap(toolCallOf);
  facts.server_tools = serverToolsOf(items, objectOf(body['tool_usage']));
  facts.usage = usageOfResponse(body['usage'], facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  facts.reported_cost_nanodollars = reportedCost(body['usage']);
  usageDetailOfResponse(body['usage'], facts.usage_detail);
  imageTokens(objectOf(body['tool_usage']), facts.usage_detail);
  detail(facts.usage_detail, 'refusal', refusal);
  const made = madeByItems(items);
  if (made.length > 0) facts.made = made;

  if (status !== null) facts.stop_reason = stopOf(status, body, facts.tool_calls.length > 0, refusal !== '');
  if (isObject(body['error'])) {
    facts.error = providerError('body', body);
    facts.stop_reason ??= { raw: '', canonical: 'error' };
  }
  return facts;
}

/** Facts of a compaction: billed, without a model, text or status of its own. */
export function factsOfCompaction(body: unknown): ResponseFacts {
  const facts = factsOfResponse(body);
  if (facts.error === null) facts.stop_reason ??= { raw: '', canonical: 'stop' };
  return facts;
}

/** Facts of a count: its number is no usage. */
export function factsOfInputTokens(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  detail(facts.usage_detail, 'counted_input_tokens', countOrNull(objectOf(body)['input_tokens']));
  if (isObject(objectOf(body)['error'])) facts.error = providerError('body', body);
  return facts;
}

/** Facts of an answer about a stored response that is no response itself. */
export function factsOfSide(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  if (isObject(objectOf(body)['error'])) facts.error = providerError('body', body);
  return facts;
}

function stopOf(status: string, body: JsonObject, calls: boolean, refused: boolean): ResponseFacts['stop_reason'] {
  const reason = textOrNull(objectOf(body['incomplete_details'])['reason']);
  switch (status) {
    case 'completed':
      return { raw: status, canonical: calls ? 'tool_use' : refused ? 'refusal' : 'stop' };
    case 'incomplete': {
      const known = reason !== null && Object.hasOwn(INCOMPLETE_REASONS, reason) ? INCOMPLETE_REASONS[reason] : null;
      return { raw: reason === null ? status : `${status}:${reason}`, canonical: known ?? null };
    }
    case 'failed':
      return { raw: status, canonical: 'error' };
    case 'cancelled':
      return { raw: status, canonical: 'cancelled' };
    default:
      return { raw: status, canonical: null };
  }
}

function toolCallOf(item: JsonObject): ToolCall[] {
  const id = textOrNull(item['call_id']) ?? textOrNull(item['id']);
  const name = textOf(item['name']);
  if (item['type'] === 'function_call') return [{ id, name, arguments: textOf(item['arguments']) }];
  if (item['type'] === 'custom_tool_call') return [{ id, name, arguments: textOf(item['input']) }];
  return [];
}

/** OpenAI's own count where it gives one; else a call is a call. */
function serverToolsOf(items: JsonObject[], toolUsage: JsonObject): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) {
    const type = textOf(item['type']);
    const tool = Object.hasOwn(SERVER_TOOL_ITEMS, type) ? SERVER_TOOL_ITEMS[type] : undefined;
    if (tool !== undefined) counts[tool] = (counts[tool] ?? 0) + 1;
  }
  const searches = countOf(objectOf(toolUsage['web_search'])['num_requests']);
  if (searches > 0) counts['web_search'] = searches;
  return counts;
}

/** Tokens of the image tool, billed on top and at another model's rates: kept as facts. */
function imageTokens(toolUsage: JsonObject, details: Record<string, unknown>): void {
  const images = objectOf(toolUsage['image_gen']);
  detail(details, 'image_gen_input', countOrNull(images['input_tokens']));
  detail(details, 'image_gen_output', countOrNull(images['output_tokens']));
}
