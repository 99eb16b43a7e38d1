import type { RequestFacts } from '../../contract/facts.ts';
import { readMessagesRequest } from '../anthropic-messages/request.ts';
import { clientSession } from '../client-session.ts';
import { HashedText, TOOL_RESULTS_MAX, newest, resultBytes, textsOf } from '../conversation.ts';
import { emptyRequestFacts } from '../facts.ts';
import { historyOf } from '../history.ts';
import { isObject, objectOf, objectsOf, parseJson, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { readChatRequest } from '../openai-chat/request.ts';
import type { RequestInput } from '../protocol.ts';
import { bedrockCall } from './path.ts';

export function readConverseRequest(input: RequestInput): RequestFacts {
  return withPath(input, factsOfBody(input, bodyOf(input)));
}

/** A vendor's own body, told apart as its answer is: by its members. */
export function readInvokeRequest(input: RequestInput): RequestFacts {
  const body = bodyOf(input);
  if (textOrNull(body['anthropic_version']) !== null) return withPath(input, readMessagesRequest(input));
  const messages = objectsOf(body['messages']);
  if (messages.length === 0) return withPath(input, factsOfPrompt(input, body));
  const untyped = messages.some(({ content }) => objectsOf(content).some((part) => part['type'] === undefined));
  return withPath(input, untyped ? factsOfBody(input, body) : readChatRequest(input));
}

/** A count asks about a whole request: as Converse, or as InvokeModel in base64, which is not read. */
export function readCountRequest(input: RequestInput): RequestFacts {
  return withPath(input, factsOfBody(input, objectOf(objectOf(bodyOf(input)['input'])['converse'])));
}

function bodyOf(input: RequestInput): JsonObject {
  return objectOf(parseJson(Buffer.from(input.body).toString('utf8')));
}

function withPath({ path }: RequestInput, facts: RequestFacts): RequestFacts {
  const call = bedrockCall(path);
  return call === undefined ? facts : { ...facts, model: call.model, stream: call.stream };
}

/** A system prompt, messages, and in them blocks that are told by their members: Converse, and Nova's own. */
function factsOfBody({ headers }: RequestInput, body: JsonObject): RequestFacts {
  const facts = emptyRequestFacts();
  Object.assign(facts, clientSession(headers, []));
  const messages = objectsOf(body['messages']);
  const system = new HashedText();
  for (const text of textsOf(body['system'])) system.add(text);
  const user = new HashedText();
  for (const text of textsOf(messages.find(({ role }) => role === 'user')?.['content'])) user.add(text);
  facts.system_text = system.text;
  facts.first_user_text = user.text;
  facts.history = historyOf(messages.map(asSaid), NONE);
  facts.tool_results = newest(messages, ({ role }) => role === 'assistant')
    .flatMap(({ content }) => objectsOf(content))
    .flatMap(({ toolResult }) => (isObject(toolResult) ? [toolResult] : []))
    .slice(0, TOOL_RESULTS_MAX)
    .map((result) => ({
      id: textOf(result['toolUseId']),
      bytes: resultBytes(result['content']),
      is_error: result['status'] === 'error',
    }));
  return facts;
}

/** Agents move their cache marker to the newest message in each turn, and may leave out what the model thought. */
const NOT_SAID = ['cachePoint', 'reasoningContent'];

function asSaid(message: JsonObject): JsonObject {
  const content = objectsOf(message['content']).filter((block) => !NOT_SAID.some((member) => member in block));
  return { ...message, content };
}

const NONE: ReadonlySet<string> = new Set();

/** Llama, Mistral, Titan, and texts to embed: one prompt, and no conversation. */
function factsOfPrompt({ headers }: RequestInput, body: JsonObject): RequestFacts {
  const facts = emptyRequestFacts();
  Object.assign(facts, clientSession(headers, []));
  const user = new HashedText();
  for (const text of textsOf(body['prompt'] ?? body['inputText'] ?? body['texts'])) user.add(text);
  facts.first_user_text = user.text;
  return facts;
}
