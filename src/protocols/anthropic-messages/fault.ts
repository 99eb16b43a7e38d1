import type { FaultAnswer } from '../../contract/fault.ts';
import type { DialectFaults } from '../protocol.ts';
import { answerHeaders } from '../fault-headers.ts';

/** `error.type` by status (wire-formats.md, section 7). */
function errorType(answer: FaultAnswer): string {
  // A hook's block is a fault of the request, whatever status the hook chose (aperture.md, section 6.4).
  if (answer.code === 'gateway_guardrail_blocked') return 'invalid_request_error';
  switch (answer.status) {
    case 401:
      return 'authentication_error';
    case 402:
      return 'billing_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 409:
      return 'conflict_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 408:
    case 504:
      return 'timeout_error';
    case 503:
      // Where waiting helps, the word that clients back off for. Anthropic's own status for it is 529, which no proxy
      // between us and the client knows.
      return answer.retryAfterSeconds === undefined ? 'api_error' : 'overloaded_error';
    default:
      return answer.status >= 500 ? 'api_error' : 'invalid_request_error';
  }
}

/** `details.error_code` is where Anthropic puts the code for programs. */
function body(answer: FaultAnswer, requestId: string): string {
  const error = { type: errorType(answer), message: answer.message, details: { error_code: answer.code } };
  return JSON.stringify({ type: 'error', error, request_id: requestId });
}

export const anthropicFaults: DialectFaults = {
  dialect: 'anthropic',
  shape: (answer, requestId) => ({
    status: answer.status,
    // The SDK shows this header, not x-request-id.
    headers: [...answerHeaders(answer), ['request-id', requestId]],
    body: body(answer, requestId),
  }),
  event: (answer, requestId) => `event: error\ndata: ${body(answer, requestId)}\n\n`,
};
