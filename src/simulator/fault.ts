import type { Dialect } from '../contract/api.ts';
import type { Steering } from './steering.ts';

/** An error of the provider that we play. */
export interface ProviderFault {
  status: number;
  message: string;
  /** OpenAI's `code`, Anthropic's `type`, Google's `status`; undefined: what the status usually comes with. */
  name?: string | undefined;
  retryAfterMs?: number | undefined;
}

export interface ShapedError {
  /** Flat list of names and values. */
  headers: string[];
  body: string;
}

interface Kind {
  type: string;
  code: string | null;
}

function openAiKind(status: number): Kind {
  switch (status) {
    case 401:
      return { type: 'invalid_request_error', code: 'invalid_api_key' };
    case 404:
      return { type: 'invalid_request_error', code: 'model_not_found' };
    case 429:
      return { type: 'requests', code: 'rate_limit_exceeded' };
    default:
      return status >= 500 ? { type: 'server_error', code: null } : { type: 'invalid_request_error', code: null };
  }
}

const ANTHROPIC_TYPES: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [409, 'conflict_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

const GOOGLE_STATUSES: ReadonlyMap<number, string> = new Map([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [429, 'RESOURCE_EXHAUSTED'],
  [500, 'INTERNAL'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
]);

function openAiError(fault: ProviderFault): object {
  const kind = openAiKind(fault.status);
  // The one code that is its own type as well.
  const type = fault.name === 'insufficient_quota' ? fault.name : kind.type;
  return { message: fault.message, type, param: null, code: fault.name ?? kind.code };
}

function anthropicError(fault: ProviderFault): object {
  const usual = ANTHROPIC_TYPES.get(fault.status) ?? (fault.status >= 500 ? 'api_error' : 'invalid_request_error');
  return { type: fault.name ?? usual, message: fault.message };
}

function googleError(fault: ProviderFault): object {
  const status = fault.name ?? GOOGLE_STATUSES.get(fault.status) ?? 'UNKNOWN';
  const error = { code: fault.status, message: fault.message, status };
  if (fault.retryAfterMs === undefined) return error;
  const retryDelay = `${(fault.retryAfterMs / 1000).toString()}s`;
  return { ...error, details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }] };
}

/** An HTTP error as this provider would answer it. `array`: a Gemini stream that was not asked for as SSE. */
export function errorAnswer(dialect: Dialect, fault: ProviderFault, requestId: string, array = false): ShapedError {
  switch (dialect) {
    case 'anthropic': {
      const body = { type: 'error', error: anthropicError(fault), request_id: requestId };
      return { headers: ['content-type', 'application/json', ...retryAfter(fault)], body: JSON.stringify(body) };
    }
    case 'google': {
      // Google tells the delay in the body and sends no `retry-after`.
      const text = JSON.stringify({ error: googleError(fault) }, null, 2);
      return { headers: ['content-type', 'application/json; charset=UTF-8'], body: array ? `[${text}\n]` : text };
    }
    default: {
      const millis = fault.retryAfterMs;
      const more = millis === undefined ? [] : ['retry-after-ms', Math.ceil(millis).toString()];
      const headers = ['content-type', 'application/json', ...retryAfter(fault), ...more];
      return { headers, body: JSON.stringify({ error: openAiError(fault) }, null, 2) };
    }
  }
}

function retryAfter(fault: ProviderFault): string[] {
  return fault.retryAfterMs === undefined ? [] : ['retry-after', Math.ceil(fault.retryAfterMs / 1000).toString()];
}

/** The event with which this provider breaks off a stream. `sequence` numbers it where the API numbers events. */
export function errorEvent(dialect: Dialect, fault: ProviderFault, requestId: string, sequence: number): string {
  switch (dialect) {
    case 'anthropic': {
      const data = { type: 'error', error: anthropicError(fault), request_id: requestId };
      return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
    }
    case 'google':
      return `data: ${JSON.stringify({ error: googleError(fault) })}\r\n\r\n`;
    case 'openai_responses': {
      const code = fault.name ?? 'server_error';
      const data = { type: 'error', code, message: fault.message, param: null, sequence_number: sequence };
      return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
    }
    default:
      return `data: ${JSON.stringify({ error: openAiError(fault) })}\n\n`;
  }
}

const MESSAGES: ReadonlyMap<number, string> = new Map([
  [400, 'The request is not valid.'],
  [401, 'Incorrect API key provided.'],
  [403, 'This key may not do that.'],
  [404, 'The model does not exist or you do not have access to it.'],
  [413, 'Request exceeds the maximum size'],
  [429, 'Rate limit reached. Please try again later.'],
  [500, 'The server had an error while processing your request. Sorry about that!'],
  [503, 'The server is overloaded. Please try again later.'],
  [529, 'Overloaded'],
]);

/** The error that a request asked for. */
export function steeredFault(steering: Steering, status: number): ProviderFault {
  return {
    status,
    message: steering.message ?? MESSAGES.get(status) ?? `Simulated error ${status}.`,
    name: steering.error,
    retryAfterMs: steering.retry_after,
  };
}
