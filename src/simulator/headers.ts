import { hexDigits, letters } from './seed.ts';
import type { Seed } from './seed.ts';

/** Response headers of each provider, flat. Limits are fixed numbers: a simulator has none. */

export const JSON_TYPE = 'application/json';
export const SSE_TYPE = 'text/event-stream; charset=utf-8';

const OPENAI_FIXED = [
  'openai-organization',
  'org-simulated',
  'openai-processing-ms',
  '12',
  'openai-version',
  '2020-10-01',
  'x-ratelimit-limit-requests',
  '10000',
  'x-ratelimit-remaining-requests',
  '9999',
  'x-ratelimit-reset-requests',
  '6ms',
  'x-ratelimit-limit-tokens',
  '2000000',
  'x-ratelimit-remaining-tokens',
  '1999000',
  'x-ratelimit-reset-tokens',
  '30ms',
];

const ANTHROPIC_RESET = '2026-01-01T00:00:00Z';
const ANTHROPIC_FIXED = [
  'anthropic-organization-id',
  '00000000-0000-4000-8000-000000000001',
  'anthropic-ratelimit-requests-limit',
  '4000',
  'anthropic-ratelimit-requests-remaining',
  '3999',
  'anthropic-ratelimit-requests-reset',
  ANTHROPIC_RESET,
  'anthropic-ratelimit-input-tokens-limit',
  '2000000',
  'anthropic-ratelimit-input-tokens-remaining',
  '1999000',
  'anthropic-ratelimit-input-tokens-reset',
  ANTHROPIC_RESET,
  'anthropic-ratelimit-output-tokens-limit',
  '400000',
  'anthropic-ratelimit-output-tokens-remaining',
  '399000',
  'anthropic-ratelimit-output-tokens-reset',
  ANTHROPIC_RESET,
];

const GOOGLE_FIXED = ['server-timing', 'gfet4t7; dur=734', 'x-gemini-service-tier', 'standard'];

export function openAiRequestId(seed: Seed): string {
  return `req_${hexDigits(seed, 1, 32)}`;
}

export function anthropicRequestId(seed: Seed): string {
  return `req_011C${letters(seed, 1, 20)}`;
}

export function openAiHeaders(seed: Seed, type: string): string[] {
  return ['content-type', type, 'x-request-id', openAiRequestId(seed), ...OPENAI_FIXED];
}

export function anthropicHeaders(seed: Seed, type: string): string[] {
  const head = ['content-type', type, 'request-id', anthropicRequestId(seed), ...ANTHROPIC_FIXED];
  return type === SSE_TYPE ? [...head, 'cache-control', 'no-cache'] : head;
}

export function googleHeaders(type: string): string[] {
  return ['content-type', type, ...GOOGLE_FIXED];
}
