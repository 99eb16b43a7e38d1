import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import type { Protocol } from '../protocol.ts';

export const openaiChat: Protocol = {
  api: 'openai_chat',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};
