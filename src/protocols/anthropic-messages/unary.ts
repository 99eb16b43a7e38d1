import type { ResponseFacts, ToolCall } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOrNull, isObject, jsonText, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { providerError } from '../provider-error.ts';
import { madeByMessage } from '../resources/made-in-response.ts';
import { detail } from '../tally.ts';
import { serverToolsOfMessages, usageDetailOfMessages, usageOfMessages } from './usage.ts';

const STOP_REASONS: Record<string, StopReason> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_use',
  refusal: 'refusal',
  pause_turn: 'pause',
  compaction: 'pause',
};

/** A list of models is told by its ids; a page has at most 1000. */
const MODELS_MAX = 1000;

/**
 * Facts of a whole message, as it came or as a stream was put together. `inputs`: the JSON text of tool inputs by
 * position in `content`, where a stream gave it; the text that the provider sent is better than ours.
 */
export function factsOfMessage(body: unknown, inputs: ReadonlyMap<number, string> = new Map()): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  if (!isObject(body)) return facts;
  const content = objectsOf(body['content']);
  const usage = body['usage'];

  facts.model_served = textOrNull(body['model']);
  facts.response_id = textOrNull(body['id']);
  facts.service_tier = textOrNull(objectOf(usage)['service_tier']);
  facts.text = content.map((block) => (block['type'] === 'text' ? textOf(block['text']) : '')).join('');
  facts.tool_calls = content.flatMap((block, i) => toolCallOf(block, inputs.get(i)));
  facts.usage = usageOfMessages(usage, facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  usageDetailOfMessages(usage, facts.usage_detail, facts.usage_flags);
  facts.server_tools = serverToolsOfMessages(usage);
  const made = madeByMessage(body, content);
  if (made.length > 0) facts.made = made;

  const raw = textOrNull(body['stop_reason']);
  if (raw !== null) {
    facts.stop_reason = { raw, canonical: Object.hasOwn(STOP_REASONS, raw) ? (STOP_REASONS[raw] ?? null) : null };
  }
  if (isObject(body['error'])) {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: raw ?? '', canonical: 'error' };
  }
  if (Array.isArray(body['data'])) facts.usage_detail['models'] = modelIds(body['data']);
  return facts;
}

/** Facts of a count: its number is no usage (wire-formats.md, section 16, trap 7). */
export function factsOfTokenCount(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  detail(facts.usage_detail, 'counted_input_tokens', countOrNull(objectOf(body)['input_tokens']));
  if (isObject(objectOf(body)['error'])) facts.error = providerError('body', body);
  return facts;
}

/** Only `tool_use` is the client's to run; `server_tool_use` and `mcp_tool_use` run at Anthropic. */
function toolCallOf(block: JsonObject, input: string | undefined): ToolCall[] {
  if (block['type'] !== 'tool_use') return [];
  const text = input ?? jsonText(block['input'] ?? {});
  // The fragments of a call without arguments are all empty.
  return [{ id: textOrNull(block['id']), name: textOf(block['name']), arguments: text === '' ? '{}' : text }];
}

function modelIds(list: unknown): string[] {
  const models = objectsOf(list).filter((each) => each['type'] === 'model');
  return models.slice(0, MODELS_MAX).map((model) => textOf(model['id']));
}
