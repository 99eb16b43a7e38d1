import type { ResponseFacts, ToolCall } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { arrayOf, countOrNull, isObject, jsonText, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { providerError } from '../provider-error.ts';
import { detail } from '../tally.ts';
import { usageOfGenerate } from './usage.ts';

const STOP_REASONS: Record<string, StopReason> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  CONTINUATION: 'pause',
  MALFORMED_FUNCTION_CALL: 'error',
  UNEXPECTED_TOOL_CALL: 'error',
  TOO_MANY_TOOL_CALLS: 'error',
  OTHER: 'error',
};

const MODELS_MAX = 1000;

/** Facts of a whole `GenerateContentResponse`, as it came or as a stream was put together. */
export function factsOfGenerate(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  if (!isObject(body)) return facts;
  const candidates = objectsOf(body['candidates']);
  const first = candidates[0] ?? {};
  const usage = objectOf(body['usageMetadata']);

  facts.model_served = textOrNull(body['modelVersion']);
  facts.response_id = textOrNull(body['responseId']);
  facts.service_tier = textOrNull(usage['serviceTier']) ?? textOrNull(usage['trafficType']);
  facts.text = partsOf(first)
    .map((part) => (part['thought'] === true ? '' : textOf(part['text'])))
    .join('');
  facts.tool_calls = candidates.flatMap((candidate) => partsOf(candidate).flatMap(toolCallOf));
  facts.usage = usageOfGenerate(usage, facts.usage_detail, facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  const searches = arrayOf(objectOf(first['groundingMetadata'])['webSearchQueries']).length;
  if (searches > 0) facts.server_tools['web_search'] = searches;
  facts.stop_reason = stopOf(body, first, facts.tool_calls.length > 0);
  if (isObject(body['error'])) {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: facts.stop_reason?.raw ?? '', canonical: 'error' };
  }
  if (Array.isArray(body['models'])) facts.usage_detail['models'] = modelIds(body['models']);
  return facts;
}

/** Facts of a count: its number is no usage. */
export function factsOfTokenCount(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  detail(facts.usage_detail, 'counted_input_tokens', countOrNull(objectOf(body)['totalTokens']));
  if (isObject(objectOf(body)['error'])) facts.error = providerError('body', body);
  return facts;
}

/** Facts of embeddings: only newer models say what they counted. */
export function factsOfEmbeddings(body: unknown): ResponseFacts {
  const facts = factsOfGenerate(body);
  facts.stop_reason ??= { raw: '', canonical: 'stop' };
  return facts;
}

function stopOf(body: JsonObject, first: JsonObject, calls: boolean): ResponseFacts['stop_reason'] {
  const raw = textOrNull(first['finishReason']);
  if (raw !== null) {
    if (raw === 'STOP' && calls) return { raw, canonical: 'tool_use' };
    if (raw.startsWith('IMAGE_')) return { raw, canonical: 'content_filter' };
    return { raw, canonical: Object.hasOwn(STOP_REASONS, raw) ? (STOP_REASONS[raw] ?? null) : null };
  }
  const blocked = textOrNull(objectOf(body['promptFeedback'])['blockReason']);
  return blocked === null ? null : { raw: `blocked:${blocked}`, canonical: 'content_filter' };
}

function partsOf(candidate: JsonObject): JsonObject[] {
  return objectsOf(objectOf(candidate['content'])['parts']);
}

/** Calls come whole, with their arguments as an object. */
function toolCallOf(part: JsonObject): ToolCall[] {
  const call = part['functionCall'];
  if (!isObject(call)) return [];
  return [{ id: textOrNull(call['id']), name: textOf(call['name']), arguments: jsonText(call['args'] ?? {}) }];
}

function modelIds(list: unknown): string[] {
  return objectsOf(list)
    .slice(0, MODELS_MAX)
    .map((model) => textOf(model['name']).replace(/^models\//, ''));
}
