import type { FaultAnswer } from '../../contract/fault.ts';
import type { DialectFaults } from '../protocol.ts';
import { answerHeaders } from '../fault-headers.ts';

/** OpenAI's error object, in a body and in a stream alike. */
interface OpenAiError {
  message: string;
  type: string;
  code: string;
  param: string | null;
}

/** `type` as OpenAI has it for a status; agents such as Codex read it, SDKs go by the status. */
function errorType(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status >= 500 ? 'server_error' : 'invalid_request_error';
  }
}

export function openaiError(answer: FaultAnswer): OpenAiError {
  const { message, code } = answer;
  switch (code) {
    // The bodies that Aperture documents (aperture.md, sections 5.3 and 6.4). Codex has a text of its own for this type.
    case 'gateway_quota_exceeded':
      if (answer.status !== 429) return { message, type: errorType(answer.status), code, param: null };
      return { message, type: 'insufficient_quota', code: 'insufficient_quota', param: null };
    case 'gateway_guardrail_blocked':
      return { message, type: 'guardrail_blocked', code, param: null };
    case 'gateway_previous_response_not_found':
      return {
        message,
        type: 'invalid_request_error',
        code: 'previous_response_not_found',
        param: 'previous_response_id',
      };
    default:
      return { message, type: errorType(answer.status), code, param: null };
  }
}

export const openaiFaults: DialectFaults = {
  dialect: 'openai',
  shape: (answer) => ({
    status: answer.status,
    headers: answerHeaders(answer),
    body: JSON.stringify({ error: openaiError(answer) }),
  }),
  event: (answer) => `data: ${JSON.stringify({ error: openaiError(answer) })}\n\n`,
};
