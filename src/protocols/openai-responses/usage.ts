import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectOf } from '../json.ts';
import { detail, usageOf } from '../tally.ts';

/**
 * Responses usage in canonical kinds; null where there is none. `input_tokens` holds what was cached and written,
 * `output_tokens` holds reasoning.
 */
export function usageOfResponse(reported: unknown, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const input = countOrNull(reported['input_tokens']);
  const output = countOrNull(reported['output_tokens']);
  if (input === null && output === null) return null;
  const inside = objectOf(reported['input_tokens_details']);
  const cached = countOf(inside['cached_tokens']);
  const written = countOf(inside['cache_write_tokens']);
  const reasoning = countOf(objectOf(reported['output_tokens_details'])['reasoning_tokens']);
  const counts = {
    input_uncached: (input ?? 0) - cached - written,
    cache_read: cached,
    cache_write_other: written,
    output: (output ?? 0) - reasoning,
    reasoning,
  };
  return usageOf(counts, flags);
}

/** Lifetimes of the cache writes, where the response splits them. */
export function usageDetailOfResponse(reported: unknown, details: Record<string, unknown>): void {
  const inside = objectOf(objectOf(reported)['input_tokens_details']);
  const split = objectOf(inside['cache_write_tokens_details']);
  detail(details, 'cache_write_30m', countOrNull(split['ttl_30m_tokens']));
  detail(details, 'cache_write_12h', countOrNull(split['ttl_12h_tokens']));
}
