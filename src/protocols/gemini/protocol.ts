import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { readGenerateRequest } from './request.ts';
import { GenerateAssembly } from './stream.ts';
import { factsOfEmbeddings, factsOfGenerate, factsOfTokenCount } from './unary.ts';

export const gemini: Protocol = {
  api: 'gemini_generate_content',
  compatibility: 'gemini_generate_content',
  dialect: 'google',
  billable: true,
  readRequest: readGenerateRequest,
  openResponse: (head) =>
    openReader(head, { stream: () => new GenerateAssembly(), unary: factsOfGenerate, arrayStreams: true }),
};

export const geminiCountTokens: Protocol = {
  api: 'gemini_count_tokens',
  compatibility: 'gemini_generate_content',
  dialect: 'google',
  billable: false,
  readRequest: readGenerateRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfTokenCount }),
};

export const geminiEmbedContent: Protocol = {
  api: 'gemini_embed_content',
  compatibility: 'gemini_generate_content',
  dialect: 'google',
  billable: true,
  readRequest: readGenerateRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfEmbeddings }),
};
