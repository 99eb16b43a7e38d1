import type { ResponseFacts } from '../../contract/facts.ts';
import { emptyResponseFacts } from '../facts.ts';
import { objectOf, textOrNull } from '../json.ts';
import { readChatRequest } from '../openai-chat/request.ts';
import { reportedCost, usageOfChat } from '../openai-chat/usage.ts';
import type { Protocol } from '../protocol.ts';
import { providerError } from '../provider-error.ts';
import { openReader } from '../reader.ts';

export const openaiEmbeddings: Protocol = {
  api: 'openai_embeddings',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  readRequest: readChatRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfEmbeddings }),
};

export function factsOfEmbeddings(body: unknown): ResponseFacts {
  const list = objectOf(body);
  const facts = emptyResponseFacts();
  facts.complete = true;
  facts.model_served = textOrNull(list['model']);
  facts.usage = usageOfChat(list['usage'], facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  facts.reported_cost_nanodollars = reportedCost(list['usage']);
  facts.stop_reason = { raw: '', canonical: 'stop' };
  if (list['error'] !== undefined && list['error'] !== null) {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: '', canonical: 'error' };
  }
  return facts;
}
