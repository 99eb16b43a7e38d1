import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import type { Protocol } from '../protocol.ts';

export const openaiResponses: Protocol = {
  api: 'openai_responses',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};

export const openaiResponsesCompact: Protocol = {
  api: 'openai_responses_compact',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};

export const openaiResponsesInputTokens: Protocol = {
  api: 'openai_responses_input_tokens',
  compatibility: 'openai_responses',
  dialect: 'openai_responses',
  billable: false,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};
