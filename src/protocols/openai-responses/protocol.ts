import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { readResponsesRequest, readStoredRequest } from './request.ts';
import { ResponseAssembly } from './stream.ts';
import { factsOfCompaction, factsOfInputTokens, factsOfResponse, factsOfSide } from './unary.ts';

export const openaiResponses: Protocol = {
  api: 'openai_responses',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: true,
  stores: true,
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

export const openaiResponsesStored: Protocol = {
  api: 'openai_responses_stored',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: 'late',
  readRequest: readStoredRequest,
  openResponse: (head) => openReader(head, { stream: () => new ResponseAssembly(), unary: factsOfResponse }),
};

export const openaiResponsesSide: Protocol = {
  api: 'openai_responses_side',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: false,
  readRequest: readStoredRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfSide }),
};
