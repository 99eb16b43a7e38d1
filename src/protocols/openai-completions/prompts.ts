import { SCAN_ON_MAIN_BYTES } from '../../contract/limits.ts';
import type { BodyFields } from '../../contract/messages.ts';
import { elementsOf, skipSpace } from '../json-walk.ts';

const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;
const LOWER_N = 0x6e;

/**
 * Prompts of one request, each of which is answered: a text or a list of tokens is one, a list of texts or of such lists
 * as many as it has. A list that is too long to be gone through counts as if it were one of the shortest texts.
 */
export function promptsOf(decoded: Uint8Array, { spans }: BodyFields): number {
  const span = spans['prompt'];
  if (span === undefined || decoded[span.valueStart] !== OPEN_BRACKET) return 1;
  const first = decoded[skipSpace(decoded, span.valueStart + 1)];
  // The first tells what the others are: no server takes a mixture.
  if (first !== QUOTE && first !== OPEN_BRACKET) return 1;
  const bytes = span.valueEnd - span.valueStart;
  return bytes > SCAN_ON_MAIN_BYTES ? Math.ceil(bytes / SHORTEST_BYTES) : elementsOf(decoded, span.valueStart).length;
}

/** `"",` */
const SHORTEST_BYTES = 3;

/** Whether something of a prompt is no text that a rule could read: its tokens, or vectors in their place. */
export function hasTokens(decoded: Uint8Array, { spans }: BodyFields): boolean {
  const vectors = spans['prompt_embeds'];
  if (vectors !== undefined && decoded[vectors.valueStart] !== LOWER_N) return true;
  const span = spans['prompt'];
  if (span === undefined || decoded[span.valueStart] !== OPEN_BRACKET) return false;
  return elementsOf(decoded, span.valueStart).some((at) => decoded[at] !== QUOTE);
}
