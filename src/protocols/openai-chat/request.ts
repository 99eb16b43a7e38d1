import type { RequestFacts } from '../../contract/facts.ts';
import { clientSession } from '../client-session.ts';
import { HashedText, TOOL_RESULTS_MAX, newest, parted, resultBytes, textsOf } from '../conversation.ts';
import { emptyRequestFacts } from '../facts.ts';
import { historyOf } from '../history.ts';
import { objectOf, objectsOf, parseJson, textOrNull } from '../json.ts';
import type { RequestInput } from '../protocol.ts';

/** Cache markers that providers other than OpenAI take, and thoughts that clients may or may not send back. */
const NOT_SAID = new Set(['cache_control', 'reasoning', 'reasoning_content', 'reasoning_details']);

/** Facts of a chat request; also of other OpenAI bodies that have `model` and perhaps `messages`. */
export function readChatRequest(input: RequestInput): RequestFacts {
  const body = objectOf(parseJson(Buffer.from(input.body).toString('utf8')));
  const facts = emptyRequestFacts();
  facts.model = textOrNull(body['model']);
  facts.stream = body['stream'] === true;
  const metadata = objectOf(body['metadata']);
  Object.assign(facts, clientSession(input.headers, [body['prompt_cache_key'], metadata['session_id']]));

  const messages = objectsOf(body['messages']);
  const { system: instructions, conversation } = parted(messages);
  const system = new HashedText();
  for (const message of instructions) for (const text of textsOf(message['content'])) system.add(text);
  const user = new HashedText();
  for (const text of textsOf(messages.find((message) => message['role'] === 'user')?.['content'])) user.add(text);
  facts.system_text = system.text;
  facts.first_user_text = user.text;
  facts.history = historyOf(conversation, NOT_SAID);
  facts.tool_results = newest(messages, (message) => message['role'] === 'assistant')
    .filter((message) => message['role'] === 'tool' || message['role'] === 'function')
    .slice(0, TOOL_RESULTS_MAX)
    .map((message) => ({
      id: textOrNull(message['tool_call_id']) ?? textOrNull(message['name']) ?? '',
      bytes: resultBytes(message['content']),
      is_error: false,
    }));
  return facts;
}
