import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import type { Protocol } from '../protocol.ts';

export const openaiEmbeddings: Protocol = {
  api: 'openai_embeddings',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};
