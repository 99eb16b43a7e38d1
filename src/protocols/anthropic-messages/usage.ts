import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectOf, objectsOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { detail, flag, usageOf } from '../tally.ts';

/**
 * Messages usage in canonical kinds; null where there is none. `input_tokens` holds nothing cached; thinking is part of
 * `output_tokens`.
 */
export function usageOfMessages(reported: unknown, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const input = countOrNull(reported['input_tokens']);
  const output = countOrNull(reported['output_tokens']);
  if (input === null && output === null) return null;
  const thinking = countOf(objectOf(reported['output_tokens_details'])['thinking_tokens']);
  const counts = {
    input_uncached: input ?? 0,
    cache_read: countOf(reported['cache_read_input_tokens']),
    ...cacheWrites(reported, flags),
    output: (output ?? 0) - thinking,
    reasoning: thinking,
  };
  return usageOf(counts, flags);
}

/**
 * Cache writes by lifetime (failure mode 11). The total is the word that counts: in a stream it is brought up to date,
 * the split is not. What the split does not name is 5m, the default lifetime; without a total the split is all we have.
 */
function cacheWrites(reported: JsonObject, flags: string[]): Pick<Usage, 'cache_write_5m' | 'cache_write_1h'> {
  const split = reported['cache_creation'];
  const fiveMinutes = countOf(objectOf(split)['ephemeral_5m_input_tokens']);
  const oneHour = countOf(objectOf(split)['ephemeral_1h_input_tokens']);
  const total = countOrNull(reported['cache_creation_input_tokens']) ?? fiveMinutes + oneHour;
  if (isObject(split) && total !== fiveMinutes + oneHour) flag(flags, 'cache_split_mismatch');
  const long = Math.min(oneHour, Math.max(total, 0));
  return { cache_write_5m: total - long, cache_write_1h: long };
}

/** More passes than any answer has. */
const ITERATIONS_MAX = 256;

/** Passes that the top level holds already; the others are billed on top of it (failure mode 8's other side). */
const COUNTED_PASSES = new Set(['message', 'fallback_message']);
const EXTRA_PASSES = new Set(['compaction', 'advisor_message']);

/**
 * What a price needs beyond the counts: `speed`, a region other than the global one, and `extra_iterations`
 * (`{type, model, usage}` each, the usage in canonical kinds), which the usage does not hold.
 */
export function usageDetailOfMessages(reported: unknown, details: Record<string, unknown>, flags: string[]): void {
  const usage = objectOf(reported);
  detail(details, 'speed', textOrNull(usage['speed']));
  const region = textOrNull(usage['inference_geo']);
  if (region !== 'global' && region !== 'not_available') detail(details, 'inference_geo', region);
  const passes = objectsOf(usage['iterations']).slice(0, ITERATIONS_MAX);
  const extra: Record<string, unknown>[] = [];
  for (const pass of passes) {
    const type = textOrNull(pass['type']) ?? 'message';
    if (COUNTED_PASSES.has(type)) continue;
    if (!EXTRA_PASSES.has(type)) flag(flags, 'unknown_iteration');
    else extra.push({ type, model: textOrNull(pass['model']), usage: usageOfMessages(pass, flags) });
  }
  if (extra.length > 0) details['extra_iterations'] = extra;
}

/** Requests of tools that Anthropic ran: `web_search_requests: 2` -> `web_search: 2`. */
export function serverToolsOfMessages(reported: unknown): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, value] of Object.entries(objectOf(objectOf(reported)['server_tool_use']))) {
    const tool = /^([a-z0-9_]{1,64})_requests$/.exec(name)?.[1];
    const count = countOf(value);
    if (tool !== undefined && count > 0) counts[tool] = count;
  }
  return counts;
}
