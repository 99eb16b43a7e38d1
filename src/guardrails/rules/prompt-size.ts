import type { Api } from '../../contract/api.ts';
import type { PromptSize } from '../../contract/guardrail.ts';
import { elements, valuesAt } from '../request/values.ts';
import type { Breach } from './breach.ts';

/** Where messages stand, in any API; counts and batches of Gemini hold whole requests. */
const MESSAGES = [
  'messages',
  'input',
  'contents',
  'generateContentRequest.contents',
  'requests.contents',
  'requests.content',
];

/** What is too large about a request. Bytes are those of its whole body, tools and images included. */
export function judgePromptSize(rule: PromptSize, _api: Api, body: Uint8Array): Breach[] {
  const breaches: Breach[] = [];
  if (rule.maxBytes !== undefined && body.byteLength > rule.maxBytes) {
    breaches.push({ kind: 'max_bytes', value: String(body.byteLength) });
  }
  if (rule.maxMessages !== undefined) {
    const messages = messagesIn(body);
    if (messages > rule.maxMessages) breaches.push({ kind: 'max_messages', value: String(messages) });
  }
  return breaches;
}

/** A list counts its elements; a mere text, or a single content, is one message. */
function messagesIn(body: Uint8Array): number {
  let count = 0;
  for (const path of MESSAGES) {
    for (const span of valuesAt(body, path))
      count += body[span.start] === OPEN_BRACKET ? elements(body, span).length : 1;
  }
  return count;
}

const OPEN_BRACKET = 0x5b;
