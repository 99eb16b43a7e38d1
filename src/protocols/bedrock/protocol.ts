import type { Protocol } from '../protocol.ts';
import { eventOfConverse, eventOfInvoke, openBedrock } from './body.ts';
import { factsOfConverse, factsOfTokenCount } from './converse.ts';
import { ConverseAssembly } from './converse-stream.ts';
import { factsOfInvoke } from './invoke.ts';
import { InvokeAssembly } from './invoke-stream.ts';
import { readConverseRequest, readCountRequest, readInvokeRequest } from './request.ts';

export const bedrockConverse: Protocol = {
  api: 'bedrock_converse',
  compatibility: 'bedrock_converse',
  dialect: 'aws',
  billable: true,
  readRequest: readConverseRequest,
  openResponse: (head) =>
    openBedrock(head, {
      stream: () => new ConverseAssembly(),
      valueIn: eventOfConverse,
      unary: (body) => factsOfConverse(body),
    }),
};

export const bedrockInvoke: Protocol = {
  api: 'bedrock_model_invoke',
  compatibility: 'bedrock_model_invoke',
  dialect: 'aws',
  billable: true,
  readRequest: readInvokeRequest,
  openResponse: (head) =>
    openBedrock(head, {
      stream: () => new InvokeAssembly(),
      valueIn: eventOfInvoke,
      unary: (body) => factsOfInvoke(body, head.headers),
    }),
};

export const bedrockCountTokens: Protocol = {
  api: 'bedrock_count_tokens',
  compatibility: 'bedrock_converse',
  alsoServedBy: 'bedrock_model_invoke',
  dialect: 'aws',
  billable: false,
  readRequest: readCountRequest,
  openResponse: (head) => openBedrock(head, { stream: undefined, valueIn: eventOfConverse, unary: factsOfTokenCount }),
};
