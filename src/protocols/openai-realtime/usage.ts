import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectOf } from '../json.ts';
import { flag, usageOf } from '../tally.ts';

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

  let audioIn = Math.max(0, countOf(inside['audio_tokens']) - countOf(ofCached['audio_tokens']));
  let imageIn = Math.max(0, countOf(inside['image_tokens']) - countOf(ofCached['image_tokens']));
  let uncached = (input ?? 0) - cached - audioIn - imageIn;
  if (uncached < 0 && (audioIn > 0 || imageIn > 0)) {
    // Nothing says which of it was cached: those tokens are counted once, as cached.
    flag(flags, 'overlap:cache_read');
    const fromAudio = Math.min(audioIn, -uncached);
    audioIn -= fromAudio;
    const fromImage = Math.min(imageIn, -uncached - fromAudio);
    imageIn -= fromImage;
    uncached += fromAudio + fromImage;
  }
  const counts = {
    input_uncached: uncached,
    cache_read: cached,
    output: (output ?? 0) - audioOut,
    audio_in: audioIn,
    image_in: imageIn,
    audio_out: audioOut,
  };
  return usageOf(counts, flags);
}
