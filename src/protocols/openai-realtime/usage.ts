import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectOf } from '../json.ts';
import { besideCache, usageOf } from '../tally.ts';

/**
 * Usage of a response or a transcription in canonical kinds; null where there is none, or where seconds are charged.
 * `input_tokens` is the sum of what was read, heard and seen; `cached_tokens` is a part of each of them
 * (wire-formats.md, section 6).
 */
export function usageOfRealtime(reported: unknown, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const input = countOrNull(reported['input_tokens']);
  const output = countOrNull(reported['output_tokens']);
  if (input === null && output === null) return null;
  const inside = objectOf(reported['input_token_details']);
  const outside = objectOf(reported['output_token_details']);
  const cached = countOf(inside['cached_tokens']);
  const ofCached = objectOf(inside['cached_tokens_details']);
  const audioOut = countOf(outside['audio_tokens']);

  const audioIn = Math.max(0, countOf(inside['audio_tokens']) - countOf(ofCached['audio_tokens']));
  const imageIn = Math.max(0, countOf(inside['image_tokens']) - countOf(ofCached['image_tokens']));
  const uncached = (input ?? 0) - cached - audioIn - imageIn;
  const counts = {
    ...besideCache({ input_uncached: uncached, audio_in: audioIn, image_in: imageIn }, flags),
    cache_read: cached,
    output: (output ?? 0) - audioOut,
    audio_out: audioOut,
  };
  return usageOf(counts, flags);
}
