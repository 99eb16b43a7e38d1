import type { Protocol } from '../protocol.ts';
import { mediaType, openReader } from '../reader.ts';
import { BatchResults } from './batch-results.ts';
import { readMessagesRequest } from './request.ts';
import { MessageAssembly } from './stream.ts';
import { factsOfMessage, factsOfTokenCount } from './unary.ts';

export const anthropicMessages: Protocol = {
  api: 'anthropic_messages',
  compatibility: 'anthropic_messages',
  dialect: 'anthropic',
  billable: true,
  readRequest: readMessagesRequest,
  openResponse: (head) =>
    head.status < 400 && mediaType(head).includes('jsonl')
      ? new BatchResults()
      : openReader(head, { stream: () => new MessageAssembly(), unary: (body) => factsOfMessage(body) }),
};

export const anthropicCountTokens: Protocol = {
  api: 'anthropic_count_tokens',
  compatibility: 'anthropic_messages',
  dialect: 'anthropic',
  billable: false,
  readRequest: readMessagesRequest,
  openResponse: (head) => openReader(head, { stream: undefined, unary: factsOfTokenCount }),
};
