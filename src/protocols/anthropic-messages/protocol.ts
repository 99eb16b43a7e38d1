import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import type { Protocol } from '../protocol.ts';

export const anthropicMessages: Protocol = {
  api: 'anthropic_messages',
  compatibility: 'anthropic_messages',
  dialect: 'anthropic',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};

export const anthropicCountTokens: Protocol = {
  api: 'anthropic_count_tokens',
  compatibility: 'anthropic_messages',
  dialect: 'anthropic',
  billable: false,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};
