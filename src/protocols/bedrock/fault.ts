import type { FaultAnswer } from '../../contract/fault.ts';
import type { DialectFaults } from '../protocol.ts';
import { answerHeaders } from '../fault-headers.ts';
import { encodeFrame } from './event-stream.ts';

/** The exception by status: the SDK makes its error class from it (wire-formats.md, sections 10 and 12). */
function errorType(answer: FaultAnswer): string {
  if (answer.code === 'gateway_guardrail_blocked') return 'AccessDeniedException';
  switch (answer.status) {
    case 401:
    case 403:
      return 'AccessDeniedException';
    case 404:
      return 'ResourceNotFoundException';
    case 408:
    case 504:
      return 'ModelTimeoutException';
    case 429:
      return 'ThrottlingException';
    case 502:
    case 503:
      return 'ServiceUnavailableException';
    default:
      return answer.status >= 500 ? 'InternalServerException' : 'ValidationException';
  }
}

/** Streams have fewer exceptions than answers. These four are in each of them; another one would have no class in an SDK. */
function streamException({ status }: FaultAnswer): string {
  switch (status) {
    case 429:
      return 'throttlingException';
    case 502:
    case 503:
      return 'serviceUnavailableException';
    default:
      return status >= 500 ? 'internalServerException' : 'validationException';
  }
}

export const awsFaults: DialectFaults = {
  dialect: 'aws',
  shape: (answer, requestId) => ({
    status: answer.status,
    headers: [...answerHeaders(answer), ['x-amzn-errortype', errorType(answer)], ['x-amzn-requestid', requestId]],
    body: JSON.stringify({ message: answer.message }),
  }),
  event: (answer) =>
    encodeFrame(
      [
        [':exception-type', streamException(answer)],
        [':content-type', 'application/json'],
        [':message-type', 'exception'],
      ],
      Buffer.from(JSON.stringify({ message: answer.message })),
    ),
};
