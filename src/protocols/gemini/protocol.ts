import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import type { Protocol } from '../protocol.ts';

export const gemini: Protocol = {
  api: 'gemini_generate_content',
  compatibility: 'gemini_generate_content',
  dialect: 'google',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};

export const geminiCountTokens: Protocol = {
  api: 'gemini_count_tokens',
  compatibility: 'gemini_generate_content',
  dialect: 'google',
  billable: false,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};

export const geminiEmbedContent: Protocol = {
  api: 'gemini_embed_content',
  compatibility: 'gemini_generate_content',
  dialect: 'google',
  billable: true,
  readRequest: emptyRequestFacts,
  openResponse: () => ({ push: () => undefined, end: emptyResponseFacts }),
};
