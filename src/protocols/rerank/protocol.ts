import type { ResponseFacts } from '../../contract/facts.ts';
import type { Usage } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOrNull, objectOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { readChatRequest } from '../openai-chat/request.ts';
import { reportedCost } from '../openai-chat/usage.ts';
import type { Protocol } from '../protocol.ts';
import { providerError } from '../provider-error.ts';
import { openReader } from '../reader.ts';
import { detail, usageOf } from '../tally.ts';

/**
 * `/v1/rerank`, `/v2/rerank`, `/rerank`: a query and documents go in, an order comes out. Cohere's shape, and the one of
 * Jina, Voyage and the servers that speak like them; which it is, the answer tells.
 */
export const rerank: Protocol = {
  api: 'rerank',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  readRequest: readChatRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfRerank }),
};

function factsOfRerank(body: unknown): ResponseFacts {
  const answer = objectOf(body);
  const facts = emptyResponseFacts();
  const meta = objectOf(answer['meta']);
  facts.complete = true;
  facts.model_served = textOrNull(answer['model']);
  facts.response_id = textOrNull(answer['id']);
  facts.usage = usageOfRerank(answer, meta, facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  facts.reported_cost_nanodollars = reportedCost(answer['usage']);
  // Cohere bills by the search: a hundred documents are one.
  detail(facts.usage_detail, 'search_units', countOrNull(objectOf(meta['billed_units'])['search_units']));
  facts.stop_reason = { raw: '', canonical: 'stop' };
  if (answer['error'] !== undefined && answer['error'] !== null) {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: '', canonical: 'error' };
  }
  return facts;
}

/**
 * Jina's `usage`, a total of tokens, all of them read; or the tokens that Cohere says it bills. Its `meta.tokens`, which
 * are counted and not billed, are no usage; nor are searches, which are no tokens. Null where no tokens are told.
 */
function usageOfRerank(answer: JsonObject, meta: JsonObject, flags: string[]): Usage | null {
  const told = objectOf(answer['usage']);
  const total = countOrNull(told['total_tokens']) ?? countOrNull(told['prompt_tokens']);
  if (total !== null) return usageOf({ input_uncached: total }, flags);
  const billed = objectOf(meta['billed_units']);
  const input = countOrNull(billed['input_tokens']);
  const output = countOrNull(billed['output_tokens']);
  if (input === null && output === null) return null;
  return usageOf({ input_uncached: input ?? 0, output: output ?? 0 }, flags);
}
