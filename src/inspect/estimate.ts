import type { Api } from '../contract/api.ts';
import type { ResponseFacts } from '../contract/facts.ts';
import { zeroUsage } from '../contract/usage.ts';

/**
 * English text and code come to about four bytes a token with the tokenizers of the last years. An estimate is marked
 * as one (`usage_state: estimated`) and never mixed with a provider's own numbers.
 */
const BYTES_PER_TOKEN = 4;

/** Their streams tell usage only where it is asked for. */
const ESTIMATED: ReadonlySet<Api> = new Set<Api>(['openai_chat', 'openai_text_completions']);

/**
 * Usage by size, for chat streams and those of text completions whose provider sends none: where asking for it is switched off (`inject_usage`), or
 * where the stream ended before the usage event came. Everything else is left as it is; absent stays absent.
 */
export function withEstimate(
  facts: ResponseFacts,
  exchange: { api: Api; promptBytes: number; stream: boolean },
): ResponseFacts {
  const begun = facts.response_id !== null && facts.error?.where !== 'http';
  if (!ESTIMATED.has(exchange.api) || !exchange.stream || facts.usage !== null || !begun) return facts;
  let outputBytes = Buffer.byteLength(facts.text);
  for (const call of facts.tool_calls) outputBytes += Buffer.byteLength(call.name) + Buffer.byteLength(call.arguments);
  const usage = zeroUsage();
  usage.input_uncached = Math.ceil(exchange.promptBytes / BYTES_PER_TOKEN);
  usage.output = Math.ceil(outputBytes / BYTES_PER_TOKEN);
  return { ...facts, usage, usage_state: 'estimated', usage_flags: [...facts.usage_flags, 'estimated_by_size'] };
}
