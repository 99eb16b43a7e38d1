import type { FaultAnswer } from '../../contract/fault.ts';
import type { DialectFaults } from '../protocol.ts';
import { answerHeaders } from '../fault-headers.ts';

/** Names of `google.rpc.Code` by HTTP status (wire-formats.md, section 8). */
function statusName(answer: FaultAnswer): string {
  if (answer.code === 'gateway_guardrail_blocked') return 'PERMISSION_DENIED';
  switch (answer.status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 402:
      // What Google says where a project's billing stands in the way.
      return 'FAILED_PRECONDITION';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'NOT_FOUND';
    case 409:
      return 'ABORTED';
    case 429:
      return 'RESOURCE_EXHAUSTED';
    case 499:
      return 'CANCELLED';
    case 500:
      return 'INTERNAL';
    case 502:
    case 503:
      return 'UNAVAILABLE';
    case 408:
    case 504:
      return 'DEADLINE_EXCEEDED';
    default:
      return answer.status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT';
  }
}

/** `code` must be a number: the SDKs take anything else for no error at all. */
function body(answer: FaultAnswer): string {
  const details: object[] = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: answer.code.toUpperCase(), domain: 'gateway' },
  ];
  if (answer.retryAfterSeconds !== undefined) {
    // Google's clients wait by this, not by the header.
    details.push({
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retryDelay: `${Math.ceil(answer.retryAfterSeconds)}s`,
    });
  }
  const error = { code: answer.status, message: answer.message, status: statusName(answer), details };
  return JSON.stringify({ error });
}

export const googleFaults: DialectFaults = {
  dialect: 'google',
  shape: (answer) => ({ status: answer.status, headers: answerHeaders(answer), body: body(answer) }),
  // CRLF, and nothing but the data line: the SDK loses an event that has another line in its block (section 3.3).
  event: (answer) => `data: ${body(answer)}\r\n\r\n`,
};
