import type { RequestFacts } from '../../contract/facts.ts';
import { clientSession, sessionOfUserId } from '../client-session.ts';
import { HashedText, TOOL_RESULTS_MAX, newest, resultBytes, textsOf } from '../conversation.ts';
import { emptyRequestFacts } from '../facts.ts';
import { historyOf } from '../history.ts';
import { objectOf, objectsOf, parseJson, textOf, textOrNull } from '../json.ts';
import type { RequestInput } from '../protocol.ts';

/** Agents move their cache marker to the newest message in each turn. */
const NOT_SAID = new Set(['cache_control']);

export function readMessagesRequest(input: RequestInput): RequestFacts {
  const body = objectOf(parseJson(Buffer.from(input.body).toString('utf8')));
  const facts = emptyRequestFacts();
  facts.model = textOrNull(body['model']);
  facts.stream = body['stream'] === true;
  const userId = objectOf(body['metadata'])['user_id'];
  const container = body['container'];
  Object.assign(facts, clientSession(input.headers, [sessionOfUserId(userId), objectOf(container)['id'] ?? container]));
  facts.previous_response = textOrNull(body['previous_message_id']);

  const messages = objectsOf(body['messages']);
  const system = new HashedText();
  for (const text of textsOf(body['system'])) system.add(text);
  const user = new HashedText();
  for (const text of textsOf(messages.find((message) => message['role'] === 'user')?.['content'])) user.add(text);
  facts.system_text = system.text;
  facts.first_user_text = user.text;
  facts.history = historyOf(messages, NOT_SAID);
  facts.tool_results = newest(messages, (message) => message['role'] === 'assistant')
    .flatMap((message) => objectsOf(message['content']))
    .filter((block) => block['type'] === 'tool_result')
    .slice(0, TOOL_RESULTS_MAX)
    .map((block) => ({
      id: textOf(block['tool_use_id']),
      bytes: resultBytes(block['content']),
      is_error: block['is_error'] === true,
    }));
  return facts;
}
