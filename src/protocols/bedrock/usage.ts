import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectsOf } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { flag, usageOf } from '../tally.ts';

/**
 * Converse usage in canonical kinds; null where there is none. `inputTokens` holds nothing cached; reasoning is part of
 * `outputTokens` and not told apart.
 */
export function usageOfConverse(reported: unknown, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const input = countOrNull(reported['inputTokens']);
  const output = countOrNull(reported['outputTokens']);
  if (input === null && output === null) return null;
  return usageOf(
    {
      input_uncached: input ?? 0,
      cache_read: either(reported, 'cacheReadInputTokens', 'cacheReadInputTokenCount') ?? 0,
      ...cacheWrites(reported, flags),
      output: output ?? 0,
    },
    flags,
  );
}

/** Nova says `…TokenCount` where others say `…Tokens`; some deployments say both, and mean one number. */
function either(reported: JsonObject, name: string, other: string): number | null {
  return countOrNull(reported[name]) ?? countOrNull(reported[other]);
}

/** By lifetime, as for Anthropic's own API: the total counts, and what the details do not name is 5m. */
function cacheWrites(reported: JsonObject, flags: string[]): Pick<Usage, 'cache_write_5m' | 'cache_write_1h'> {
  const details = objectsOf(reported['cacheDetails']);
  const sumOf = (some: JsonObject[]): number => some.reduce((sum, each) => sum + countOf(each['inputTokens']), 0);
  const all = sumOf(details);
  const oneHour = sumOf(details.filter(({ ttl }) => ttl === '1h'));
  const total = either(reported, 'cacheWriteInputTokens', 'cacheWriteInputTokenCount') ?? all;
  if (details.length > 0 && total !== all) flag(flags, 'cache_split_mismatch');
  const long = Math.min(oneHour, Math.max(total, 0));
  return { cache_write_5m: total - long, cache_write_1h: long };
}

/** `amazon-bedrock-invocationMetrics`: the same totals again, for models whose own events have none. */
export function usageOfMetrics(metrics: unknown, flags: string[]): Usage | null {
  if (!isObject(metrics)) return null;
  return usageOfCounts(
    {
      input: countOrNull(metrics['inputTokenCount']),
      output: countOrNull(metrics['outputTokenCount']),
      cacheRead: countOrNull(metrics['cacheReadInputTokenCount']),
      cacheWrite: countOrNull(metrics['cacheWriteInputTokenCount']),
    },
    flags,
  );
}

/** What AWS counted, whatever the model's own body says: in the headers of an answer that is no stream. */
export function usageOfHeaders(headers: ReadonlyMap<string, string>, flags: string[]): Usage | null {
  const count = (name: string): number | null => {
    const text = headers.get(`x-amzn-bedrock-${name}-token-count`);
    return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : null;
  };
  return usageOfCounts(
    {
      input: count('input'),
      output: count('output'),
      cacheRead: count('cache-read-input'),
      cacheWrite: count('cache-write-input'),
    },
    flags,
  );
}

interface Counts {
  input: number | null;
  output: number | null;
  cacheRead?: number | null;
  cacheWrite?: number | null;
}

/** Null where neither side was counted. The lifetime of a write is not told here: 5m is the default. */
export function usageOfCounts({ input, output, cacheRead, cacheWrite }: Counts, flags: string[]): Usage | null {
  if (input === null && output === null) return null;
  const counts = {
    input_uncached: input ?? 0,
    cache_read: cacheRead ?? 0,
    cache_write_5m: cacheWrite ?? 0,
    output: output ?? 0,
  };
  return usageOf(counts, flags);
}
