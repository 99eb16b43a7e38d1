import type { RequestFacts, ResponseFacts } from '../../contract/facts.ts';
import { emptyResponseFacts } from '../facts.ts';
import { objectOf, textOrNull } from '../json.ts';
import { readChatRequest } from '../openai-chat/request.ts';
import type { Protocol, RequestInput } from '../protocol.ts';
import { providerError } from '../provider-error.ts';
import { openReader } from '../reader.ts';

/** What OpenAI documents for a request that names no model. */
const DEFAULT_MODEL = 'omni-moderation-latest';

/** `/v1/moderations`: says what is wrong with a text or an image, and tells no usage. */
export const openaiModerations: Protocol = {
  api: 'openai_moderations',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  defaultModel: DEFAULT_MODEL,
  readRequest: readModerationRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfModeration }),
};

function readModerationRequest(input: RequestInput): RequestFacts {
  const facts = readChatRequest(input);
  return { ...facts, model: facts.model ?? DEFAULT_MODEL };
}

function factsOfModeration(body: unknown): ResponseFacts {
  const answer = objectOf(body);
  const facts = emptyResponseFacts();
  facts.complete = true;
  facts.model_served = textOrNull(answer['model']);
  facts.response_id = textOrNull(answer['id']);
  facts.stop_reason = { raw: '', canonical: 'stop' };
  if (answer['error'] !== undefined && answer['error'] !== null) {
    facts.error = providerError('body', body);
    facts.stop_reason = { raw: '', canonical: 'error' };
  }
  return facts;
}
