import type { ResponseFacts } from '../../contract/facts.ts';
import type { StopReason, Usage } from '../../contract/usage.ts';
import { factsOfMessage } from '../anthropic-messages/unary.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOf, countOrNull, isObject, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { factsOfCompletion } from '../openai-chat/unary.ts';
import { factsOfConverse } from './converse.ts';
import { usageOfCounts, usageOfHeaders } from './usage.ts';

/** Words of the vendors whose bodies are told by a text and a reason: Llama, Mistral, Titan, older Claude. */
const STOP_REASONS: Record<string, StopReason> = {
  stop: 'stop',
  stop_sequence: 'stop',
  FINISH: 'stop',
  FINISHED: 'stop',
  STOP_CRITERIA_MET: 'stop',
  COMPLETE: 'stop',
  length: 'length',
  max_tokens: 'length',
  LENGTH: 'length',
  MAX_TOKENS: 'length',
  CONTENT_FILTERED: 'content_filter',
};

/**
 * Facts of an answer of InvokeModel, which is the vendor's own: told apart by its members, since a model's id in the path
 * may be an ARN that names no vendor. Where the body counts nothing, AWS's headers do.
 */
export function factsOfInvoke(body: unknown, headers: ReadonlyMap<string, string>): ResponseFacts {
  const facts = factsOfVendor(body);
  if (facts.usage === null && facts.error === null) {
    facts.usage = usageOfHeaders(headers, facts.usage_flags);
    if (facts.usage !== null) facts.usage_state = 'final';
  }
  return facts;
}

function factsOfVendor(body: unknown): ResponseFacts {
  if (!isObject(body)) return { ...emptyResponseFacts(), complete: true };
  if (body['type'] === 'message') return factsOfMessage(body);
  if (isObject(body['output'])) return factsOfConverse(body);
  if (Array.isArray(body['choices'])) return factsOfCompletion(body);
  return factsOfText(body);
}

/**
 * Facts of the vendors whose answer is a text: `generation` (Llama), `results[]` or `outputText` (Titan), `outputs[]`
 * (Mistral), `completion` (older Claude), `embedding` and the like, which have none.
 */
export function factsOfText(body: JsonObject): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.complete = true;
  const parts = [body, ...objectsOf(body['results']), ...objectsOf(body['outputs'])];
  facts.text = parts.map(textIn).join('');
  const raw = parts.map(stopIn).find((reason) => reason !== null) ?? null;
  if (raw !== null) {
    facts.stop_reason = { raw, canonical: Object.hasOwn(STOP_REASONS, raw) ? (STOP_REASONS[raw] ?? null) : null };
  } else if (Object.keys(body).some((member) => member.startsWith('embedding'))) {
    facts.stop_reason = { raw: '', canonical: 'stop' };
  }
  facts.usage = usageOfText(body, facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  return facts;
}

const TEXTS = ['generation', 'outputText', 'completion', 'text'];

function textIn(part: JsonObject): string {
  return TEXTS.map((member) => textOf(part[member])).join('');
}

export function stopIn(part: JsonObject): string | null {
  return textOrNull(part['stop_reason']) ?? textOrNull(part['completionReason']);
}

function usageOfText(body: JsonObject, flags: string[]): Usage | null {
  const input = countOrNull(body['prompt_token_count']) ?? countOrNull(body['inputTextTokenCount']);
  return usageOfCounts({ input, output: outputOf(body) }, flags);
}

function outputOf(body: JsonObject): number | null {
  const told = countOrNull(body['generation_token_count']) ?? countOrNull(body['totalOutputTextTokenCount']);
  const results = objectsOf(body['results']);
  if (told !== null || results.length === 0) return told;
  return results.reduce((sum, result) => sum + countOf(objectOf(result)['tokenCount']), 0);
}
