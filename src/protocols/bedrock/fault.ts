import type { FaultAnswer } from '../../contract/fault.ts';
import type { DialectFaults } from '../protocol.ts';
import { answerHeaders } from '../fault-headers.ts';

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

export const awsFaults: DialectFaults = {
  dialect: 'aws',
  shape: (answer, requestId) => ({
    status: answer.status,
    headers: [...answerHeaders(answer), ['x-amzn-errortype', errorType(answer)], ['x-amzn-requestid', requestId]],
    body: JSON.stringify({ message: answer.message }),
  }),
  // Its streams are binary frames: a text event has no place in them.
  event: () => undefined,
};
