import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { readResponsesRequest } from './request.ts';
import { ResponseAssembly } from './stream.ts';
import { factsOfCompaction, factsOfInputTokens, factsOfResponse } from './unary.ts';

export const openaiResponses: Protocol = {
  api: 'openai_responses',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: true,
  readRequest: readResponsesRequest,
  openResponse: (head) => openReader(head, { stream: () => new ResponseAssembly(), unary: factsOfResponse }),
};

export const openaiResponsesCompact: Protocol = {
  api: 'openai_responses_compact',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: true,
  readRequest: readResponsesRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfCompaction }),
};

export const openaiResponsesInputTokens: Protocol = {
  api: 'openai_responses_input_tokens',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: false,
  readRequest: readResponsesRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfInputTokens }),
};
