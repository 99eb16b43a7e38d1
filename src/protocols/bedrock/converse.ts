import type { ResponseFacts, ToolCall } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOrNull, isObject, jsonText, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { detail } from '../tally.ts';
import { usageOfConverse } from './usage.ts';

const STOP_REASONS: Record<string, StopReason> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool_use',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  content_filtered: 'content_filter',
  guardrail_intervened: 'content_filter',
  malformed_model_output: 'error',
  malformed_tool_use: 'error',
};

/**
 * Facts of a whole Converse response, as it came or as a stream was put together; Nova's own body is the same. `inputs`:
 * the JSON text of tool inputs by position, where a stream gave it. The response names no model: the path did.
 */
export function factsOfConverse(body: unknown, inputs: ReadonlyMap<number, string> = new Map()): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  if (!isObject(body)) return facts;
  const content = objectsOf(objectOf(objectOf(body['output'])['message'])['content']);
  facts.service_tier = textOrNull(objectOf(body['serviceTier'])['type']);
  facts.text = content.map((block) => textOf(block['text'])).join('');
  facts.tool_calls = content.flatMap((block, i) => toolCallOf(block['toolUse'], inputs.get(i)));
  facts.usage = usageOfConverse(body['usage'], facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  const latency = textOrNull(objectOf(body['performanceConfig'])['latency']);
  if (latency !== 'standard') detail(facts.usage_detail, 'latency', latency);
  const raw = textOrNull(body['stopReason']);
  if (raw !== null) {
    facts.stop_reason = { raw, canonical: Object.hasOwn(STOP_REASONS, raw) ? (STOP_REASONS[raw] ?? null) : null };
  }
  return facts;
}

/** Facts of a count: its number is no usage. */
export function factsOfTokenCount(body: unknown): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  detail(facts.usage_detail, 'counted_input_tokens', countOrNull(objectOf(body)['inputTokens']));
  return facts;
}

/** Tools that run at AWS (`server_tool_use`) are not the client's to make. */
function toolCallOf(use: unknown, input: string | undefined): ToolCall[] {
  if (!isObject(use) || isServers(use)) return [];
  const text = input ?? jsonText(use['input'] ?? {});
  return [{ id: textOrNull(use['toolUseId']), name: textOf(use['name']), arguments: text === '' ? '{}' : text }];
}

function isServers(use: JsonObject): boolean {
  return use['type'] === 'server_tool_use';
}
