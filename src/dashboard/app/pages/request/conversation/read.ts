import { messagesAnswer, messagesAsked } from './anthropic.ts';
import { geminiAnswer, geminiAsked } from './gemini.ts';
import type { Answer, Conversation, Exchange } from './model.ts';
import { chatAnswer, chatAsked } from './openai-chat.ts';
import { responsesAnswer, responsesAsked } from './openai-responses.ts';
import { objectOf } from './parts.ts';
import type { Members } from './parts.ts';

interface Reader {
  asked: (body: Members) => Conversation;
  answer: (body: Members) => Answer;
}

const CHAT: Reader = { asked: chatAsked, answer: chatAnswer };
const RESPONSES: Reader = { asked: responsesAsked, answer: responsesAnswer };
const MESSAGES: Reader = { asked: messagesAsked, answer: messagesAnswer };
const GEMINI: Reader = { asked: geminiAsked, answer: geminiAnswer };

const READERS: Record<string, Reader> = {
  openai_chat: CHAT,
  openai_responses: RESPONSES,
  openai_responses_compact: RESPONSES,
  openai_responses_input_tokens: RESPONSES,
  openai_responses_stored: RESPONSES,
  anthropic_messages: MESSAGES,
  anthropic_count_tokens: MESSAGES,
  google_raw_predict: MESSAGES,
  google_raw_count_tokens: MESSAGES,
  bedrock_model_invoke: MESSAGES,
  gemini_generate_content: GEMINI,
  google_generate_content: GEMINI,
  google_count_tokens: GEMINI,
  gemini_count_tokens: GEMINI,
};

export function isConversation(api: string): boolean {
  return Object.hasOwn(READERS, api);
}

/** Reads both sides by the words of their API. What is no JSON object, or says nothing, is null. */
export function readExchange(api: string, request: unknown, response: unknown): Exchange {
  const reader = Object.hasOwn(READERS, api) ? READERS[api] : undefined;
  if (reader === undefined) return { asked: null, answer: null };
  const asked = isMembers(request) ? reader.asked(objectOf(request)) : null;
  const answer = isMembers(response) ? reader.answer(objectOf(response)) : null;
  return {
    asked: asked !== null && asked.turns.length + asked.system.length > 0 ? asked : null,
    answer: answer !== null && (answer.turns.length > 0 || answer.error !== '') ? answer : null,
  };
}

function isMembers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
