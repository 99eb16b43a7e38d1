import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { readChatRequest } from './request.ts';
import { ChatAssembly } from './stream.ts';
import { factsOfCompletion } from './unary.ts';

export const openaiChat: Protocol = {
  api: 'openai_chat',
  compatibility: 'openai_chat',
  dialect: 'openai',
  billable: true,
  readRequest: readChatRequest,
  openResponse: (head) => openReader(head, { stream: () => new ChatAssembly(), unary: factsOfCompletion }),
};
