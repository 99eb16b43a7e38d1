import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectOf } from '../json.ts';
import { besideCache, flag, nanodollarsOf, usageOf } from '../tally.ts';

/**
 * Chat usage in canonical kinds; null where there is none. `prompt_tokens` holds what was cached, written, heard and
 * seen; `completion_tokens` holds reasoning and audio. Also the usage of embeddings.
 */
export function usageOfChat(reported: unknown, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const prompt = countOrNull(reported['prompt_tokens']);
  const completion = countOrNull(reported['completion_tokens']);
  if (prompt === null && completion === null) return null;
  const inside = objectOf(reported['prompt_tokens_details']);
  const outside = objectOf(reported['completion_tokens_details']);
  // DeepSeek's own name for the same number: a second word, not a second amount.
  const cached = countOrNull(inside['cached_tokens']) ?? countOf(reported['prompt_cache_hit_tokens']);
  const written = countOf(inside['cache_write_tokens']);
  const reasoning = countOf(outside['reasoning_tokens']);
  const audioOut = countOf(outside['audio_tokens']);
  const imageOut = countOf(outside['image_tokens']);

  const audioIn = countOf(inside['audio_tokens']);
  const imageIn = countOf(inside['image_tokens']);
  const uncached = (prompt ?? 0) - cached - written - audioIn - imageIn;
  const beside = besideCache({ input_uncached: uncached, audio_in: audioIn, image_in: imageIn }, flags);

  let output = (completion ?? 0) - audioOut - imageOut;
  if (reasoningIsApart(prompt ?? 0, completion ?? 0, reasoning, reported['total_tokens']))
    flag(flags, 'reasoning_apart');
  else output -= reasoning;
  const counts = {
    cache_read: cached,
    cache_write_other: written,
    output,
    reasoning,
    audio_out: audioOut,
    image_out: imageOut,
    // Last: what is added behind a spread costs microseconds (docs/decisions/2026-11-29-front-thread.md).
    ...beside,
  };
  return usageOf(counts, flags);
}

/** Some compatible servers count reasoning beside `completion_tokens`; their own total says so (failure mode 7). */
function reasoningIsApart(prompt: number, completion: number, reasoning: number, total: unknown): boolean {
  return reasoning > 0 && prompt + completion !== total && prompt + completion + reasoning === total;
}

/** What a reseller says the request cost: `usage.cost`, a number of dollars or an object with a total. */
export function reportedCost(reported: unknown): string | null {
  if (!isObject(reported)) return null;
  const cost = reported['cost'];
  return nanodollarsOf(isObject(cost) ? cost['total_cost'] : cost);
}
