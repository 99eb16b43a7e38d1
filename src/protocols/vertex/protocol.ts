import type { RequestFacts } from '../../contract/facts.ts';
import { anthropicCountTokens, anthropicMessages } from '../anthropic-messages/protocol.ts';
import { readMessagesRequest } from '../anthropic-messages/request.ts';
import { gemini, geminiCountTokens } from '../gemini/protocol.ts';
import type { Protocol, RequestInput } from '../protocol.ts';
import { vertexCall, vertexModel } from './path.ts';

/** Gemini on Vertex: another path, the same bodies. */
export const vertexGenerate: Protocol = {
  ...gemini,
  api: 'google_generate_content',
  compatibility: 'google_generate_content',
};

export const vertexCountTokens: Protocol = {
  ...geminiCountTokens,
  api: 'google_count_tokens',
  compatibility: 'google_generate_content',
};

/** Claude on Vertex: Anthropic's bodies, with the model in the path. */
export const vertexRawPredict: Protocol = {
  ...anthropicMessages,
  api: 'google_raw_predict',
  compatibility: 'google_raw_predict',
  readRequest: readRawRequest,
};

export const vertexRawCountTokens: Protocol = {
  ...anthropicCountTokens,
  api: 'google_raw_count_tokens',
  compatibility: 'google_raw_predict',
};

function readRawRequest(input: RequestInput): RequestFacts {
  const facts = readMessagesRequest(input);
  const stream = facts.stream || vertexCall(input.path)?.stream === true;
  return { ...facts, model: vertexModel(input.path) ?? facts.model, stream };
}
