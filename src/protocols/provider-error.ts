import type { ProviderError, ResponseFacts } from '../contract/facts.ts';
import { emptyResponseFacts } from './facts.ts';
import { arrayOf, isObject, objectsOf, textOrNull } from './json.ts';
import { detail } from './tally.ts';

/** Enough for any sentence; some servers put a whole stack trace, or the prompt, into it. */
const MESSAGE_CHARS = 4096;

/**
 * An error body in any of the shapes that providers and the platforms before them use, whatever the API:
 * `{error: {type, code, status, message}}` (OpenAI, Anthropic, Google), the same in an array (Google), `{error: "…"}`,
 * `{message}` (AWS), `{detail}`. What is not there is null.
 */
export function providerError(where: ProviderError['where'], body: unknown): ProviderError {
  const outer = Array.isArray(body) ? arrayOf(body)[0] : body;
  const nothing = { where, type: null, code: null, message: null };
  if (!isObject(outer)) return nothing;
  const inner = outer['error'];
  if (typeof inner === 'string') return { ...nothing, message: shortened(inner) };
  const error = isObject(inner) ? inner : outer;
  const code = error['code'];
  const type = textOrNull(error['type']) ?? textOrNull(error['status']);
  return {
    where,
    // The outer `type` of Anthropic's shape says only that it is an error.
    type: error === outer && type === 'error' ? null : type,
    code: typeof code === 'number' ? code : textOrNull(code),
    message: shortened(textOrNull(error['message']) ?? textOrNull(error['Message']) ?? textOrNull(error['detail'])),
  };
}

/** Facts of an answer with an error status. `complete`: the body arrived whole. */
export function httpErrorFacts(body: unknown, complete: boolean): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.error = providerError('http', body);
  facts.stop_reason = { raw: '', canonical: 'error' };
  facts.complete = complete;
  detail(facts.usage_detail, 'retry_delay', retryDelay(body));
  return facts;
}

/** Google says when to come back in the body (`google.rpc.RetryInfo`), not in a header. */
function retryDelay(body: unknown): string | null {
  const outer = Array.isArray(body) ? arrayOf(body)[0] : body;
  const error = isObject(outer) ? outer['error'] : undefined;
  if (!isObject(error)) return null;
  for (const each of objectsOf(error['details'])) {
    const delay = textOrNull(each['retryDelay']);
    if (delay !== null && delay.length <= 32) return delay;
  }
  return null;
}

function shortened(message: string | null): string | null {
  return message === null ? null : message.slice(0, MESSAGE_CHARS);
}
