import type { Api } from '../contract/api.ts';
import { textsOf } from './conversation.ts';
import { isGemini } from './body-keys.ts';
import { arrayOf, isObject, objectOf, objectsOf, textOf } from './json.ts';
import type { JsonObject } from './json.ts';

/**
 * The text of the newest message that a user wrote, in any API; empty where there is none. A message that only carries
 * results of tools is not the user's, although Anthropic and Gemini give it the user's role. The texts of a message in
 * several parts are joined by line feeds.
 */
export function userMessageOf(api: Api, body: unknown): string {
  const said = objectOf(body);
  if (isGemini(api)) return geminiMessage(said);
  if (api === 'openai_embeddings') return lastInput(said['input']);
  if (api === 'openai_images') return textOf(said['prompt']);
  if (api === 'openai_speech') return textOf(said['input']);
  if (api === 'openai_text_completions') return lastInput(said['prompt']);
  if (api === 'rerank') return textOf(said['query']);
  if (api === 'openai_moderations') return lastModerated(said['input']);
  if (isResponses(api)) {
    const input = said['input'];
    return typeof input === 'string' ? input : lastOf(objectsOf(input), isUser, ({ content }) => textsOf(content));
  }
  // A count of Bedrock's asks about a whole request.
  const asked = api === 'bedrock_count_tokens' ? objectOf(objectOf(said['input'])['converse']) : said;
  const message = lastOf(objectsOf(asked['messages']), isUser, ({ content }) => textsOf(content));
  // Vendors on Bedrock that take one text.
  return message === '' && api === 'bedrock_model_invoke' ? textOf(said['prompt'] ?? said['inputText']) : message;
}

function isResponses(api: Api): boolean {
  return api.startsWith('openai_responses');
}

function isUser(message: JsonObject): boolean {
  return message['role'] === 'user';
}

function lastOf(
  messages: readonly JsonObject[],
  isOne: (message: JsonObject) => boolean,
  texts: (message: JsonObject) => string[],
): string {
  for (const message of messages.toReversed()) {
    if (!isOne(message)) continue;
    const said = texts(message).filter((text) => text !== '');
    if (said.length > 0) return said.join('\n');
  }
  return '';
}

/** Counting can ask about a whole request, and embeddings come in batches; a role may be left out, and is the user's then. */
function geminiMessage(body: JsonObject): string {
  const inner = body['generateContentRequest'] ?? body['generate_content_request'];
  if (isObject(inner)) return geminiMessage(inner);
  const requests = objectsOf(body['requests']);
  if (requests.length > 0) return geminiMessage(requests.at(-1) ?? {});
  const contents = isObject(body['content']) ? [body['content']] : contentsOf(body['contents']);
  const isSaid = ({ role }: JsonObject): boolean => role === undefined || role === null || role === 'user';
  return lastOf(contents, isSaid, ({ parts }) => textsOf(parts));
}

function contentsOf(contents: unknown): JsonObject[] {
  return isObject(contents) ? [contents] : objectsOf(contents);
}

function lastInput(input: unknown): string {
  return typeof input === 'string' ? input : textOf(arrayOf(input).at(-1));
}

/** Texts, or parts of one text and its images. */
function lastModerated(input: unknown): string {
  const parts = objectsOf(input);
  const texts = textsOf(parts).filter((text) => text !== '');
  return parts.length === 0 ? lastInput(input) : texts.join('\n');
}
