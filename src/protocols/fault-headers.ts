import type { FaultAnswer } from '../contract/fault.ts';

/**
 * Headers that an answer of ours has in every dialect. `x-should-retry` decides for the OpenAI and Anthropic SDKs, which
 * otherwise repeat every 429 and 5xx; it is left out where we cannot know.
 */
export function answerHeaders(answer: FaultAnswer): [string, string][] {
  const headers: [string, string][] = [['content-type', 'application/json']];
  const { retryAfterSeconds } = answer;
  // Whole seconds, rounded up: a client that comes back early is refused again.
  if (retryAfterSeconds !== undefined) {
    headers.push(['retry-after', String(Math.max(0, Math.ceil(retryAfterSeconds)))]);
  }
  const shouldRetry = answer.shouldRetry ?? (retryAfterSeconds === undefined ? undefined : true);
  if (shouldRetry !== undefined) headers.push(['x-should-retry', String(shouldRetry)]);
  if (answer.allow !== undefined) headers.push(['allow', answer.allow]);
  return headers;
}
