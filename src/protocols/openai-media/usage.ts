import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectOf } from '../json.ts';
import { besideCache, detail, usageOf } from '../tally.ts';

/** What an API makes: its output, where the provider does not split it. */
export type Made = 'image_out' | 'audio_out' | 'output';

/**
 * Usage of images, transcriptions and speech in canonical kinds; null where there is none, or where seconds are charged.
 * `input_tokens` is the sum of what was read, heard and seen (wire-formats.md, section 6).
 */
export function usageOfMedia(reported: unknown, made: Made, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const input = countOrNull(reported['input_tokens']);
  const output = countOrNull(reported['output_tokens']);
  if (input === null && output === null) return null;
  // Images and audio spell it differently.
  const inside = objectOf(reported['input_tokens_details'] ?? reported['input_token_details']);
  const outside = objectOf(reported['output_tokens_details'] ?? reported['output_token_details']);
  const cached = countOf(inside['cached_tokens']);
  const ofCached = objectOf(inside['cached_tokens_details']);
  const audioIn = Math.max(0, countOf(inside['audio_tokens']) - countOf(ofCached['audio_tokens']));
  const imageIn = Math.max(0, countOf(inside['image_tokens']) - countOf(ofCached['image_tokens']));
  const uncached = (input ?? 0) - cached - audioIn - imageIn;
  return usageOf(
    {
      ...besideCache({ input_uncached: uncached, audio_in: audioIn, image_in: imageIn }, flags),
      cache_read: cached,
      ...outputOf(output ?? 0, outside, made),
    },
    flags,
  );
}

/** Without a split, all that was made is of the API's own kind. */
function outputOf(output: number, outside: Record<string, unknown>, made: Made): Partial<Usage> {
  if (made === 'output') return { output };
  const own = countOrNull(outside[made === 'image_out' ? 'image_tokens' : 'audio_tokens']);
  const apart = own ?? output - countOf(outside['text_tokens']);
  return { [made]: apart, output: output - apart };
}

/** Seconds of sound, where they are what is charged. No list has a price for them: their cost is unknown. */
export function noteSeconds(reported: unknown, details: Record<string, unknown>): void {
  const seconds = objectOf(reported)['seconds'];
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0) detail(details, 'seconds', seconds);
}
