import type { Usage } from '../../contract/usage.ts';
import { countOf, countOrNull, isObject, objectsOf } from '../json.ts';
import { detail, flag, usageOf } from '../tally.ts';

/**
 * `usageMetadata` in canonical kinds; null where it has no counts (early chunks may have `trafficType` alone). The prompt
 * holds what was cached; thoughts and the tools' prompt stand beside prompt and candidates. A missing count is 0.
 */
export function usageOfGenerate(reported: unknown, details: Record<string, unknown>, flags: string[]): Usage | null {
  if (!isObject(reported)) return null;
  const prompt = countOrNull(reported['promptTokenCount']);
  // The Live API calls its candidates the response.
  const candidates = countOrNull(reported['candidatesTokenCount']) ?? countOrNull(reported['responseTokenCount']);
  const thoughts = countOrNull(reported['thoughtsTokenCount']);
  if (prompt === null && candidates === null && thoughts === null) return null;
  const cached = countOf(reported['cachedContentTokenCount']);
  const toolPrompt = countOf(reported['toolUsePromptTokenCount']);

  const cachedAudio = tokensOf(reported['cacheTokensDetails'], 'AUDIO');
  const audioIn = Math.max(0, tokensOf(reported['promptTokensDetails'], 'AUDIO') - cachedAudio);
  const cachedImages = tokensOf(reported['cacheTokensDetails'], 'IMAGE');
  const imageIn = Math.max(0, tokensOf(reported['promptTokensDetails'], 'IMAGE') - cachedImages);
  const spoken = reported['candidatesTokensDetails'] ?? reported['responseTokensDetails'];
  const audioOut = tokensOf(spoken, 'AUDIO');
  const imageOut = tokensOf(spoken, 'IMAGE');

  let output = (candidates ?? 0) - audioOut - imageOut;
  const withoutThoughts = (prompt ?? 0) + (candidates ?? 0) + toolPrompt;
  if (thoughts !== null && thoughts > 0 && reported['totalTokenCount'] === withoutThoughts) {
    // This deployment counts thoughts inside its candidates: its own total says so.
    flag(flags, 'thoughts_inside_candidates');
    output -= thoughts;
  }
  detail(details, 'tool_use_prompt', toolPrompt);
  detail(details, 'cache_read_audio', cachedAudio);
  const counts = {
    input_uncached: (prompt ?? 0) - cached - audioIn - imageIn + toolPrompt,
    cache_read: cached,
    output,
    reasoning: thoughts ?? 0,
    audio_in: audioIn,
    image_in: imageIn,
    audio_out: audioOut,
    image_out: imageOut,
  };
  return usageOf(counts, flags);
}

/** Tokens of one modality in a `…TokensDetails` list. */
function tokensOf(list: unknown, modality: string): number {
  return objectsOf(list).reduce(
    (sum, each) => (each['modality'] === modality ? sum + countOf(each['tokenCount']) : sum),
    0,
  );
}
