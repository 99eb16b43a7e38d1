import type { Side } from '../contract/guardrail.ts';
import { unreachable } from '../lib/result.ts';

/** The APIs whose texts rules read. */
export const TRIAL_APIS = ['openai_chat', 'openai_responses', 'anthropic_messages', 'gemini_generate_content'] as const;
export type TrialApi = (typeof TRIAL_APIS)[number];

/** Nobody has a model of this name, so no rule is about it. */
const MODEL = 'guardrails-test';

/** The smallest body that says this text: of a user to a model, or of a model. */
export function trialBody(api: TrialApi, side: Side, text: string): Record<string, unknown> {
  return side === 'request' ? requestOf(api, text) : responseOf(api, text);
}

function requestOf(api: TrialApi, text: string): Record<string, unknown> {
  switch (api) {
    case 'openai_chat':
      return { model: MODEL, messages: [{ role: 'user', content: text }] };
    case 'openai_responses':
      return { model: MODEL, input: text };
    case 'anthropic_messages':
      return { model: MODEL, max_tokens: 1024, messages: [{ role: 'user', content: text }] };
    case 'gemini_generate_content':
      return { contents: [{ role: 'user', parts: [{ text }] }] };
    default:
      return unreachable(api);
  }
}

function responseOf(api: TrialApi, text: string): Record<string, unknown> {
  switch (api) {
    case 'openai_chat':
      return {
        object: 'chat.completion',
        model: MODEL,
        choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      };
    case 'openai_responses': {
      const content = [{ type: 'output_text', text, annotations: [] }];
      return {
        object: 'response',
        model: MODEL,
        status: 'completed',
        output: [{ type: 'message', role: 'assistant', status: 'completed', content }],
      };
    }
    case 'anthropic_messages':
      return {
        type: 'message',
        role: 'assistant',
        model: MODEL,
        content: [{ type: 'text', text }],
        stop_reason: 'end_turn',
      };
    case 'gemini_generate_content':
      return { candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }] };
    default:
      return unreachable(api);
  }
}

/** Where such a request is sent. */
export function trialPath(api: TrialApi): string {
  switch (api) {
    case 'openai_chat':
      return '/v1/chat/completions';
    case 'openai_responses':
      return '/v1/responses';
    case 'anthropic_messages':
      return '/v1/messages';
    case 'gemini_generate_content':
      return `/v1beta/models/${MODEL}:generateContent`;
    default:
      return unreachable(api);
  }
}
