import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { readCompletionRequest } from './request.ts';
import { TextAssembly } from './stream.ts';
import { factsOfTextCompletion } from './unary.ts';

/** `/v1/completions`: a text goes on. No roles, no tools; usage and streams are told as in chat. */
export const openaiTextCompletions: Protocol = {
  api: 'openai_text_completions',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  readRequest: readCompletionRequest,
  openResponse: (head) => openReader(head, { stream: () => new TextAssembly(), unary: factsOfTextCompletion }),
};
