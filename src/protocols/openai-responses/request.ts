import type { RequestFacts } from '../../contract/facts.ts';
import { clientSession } from '../client-session.ts';
import { HashedText, TOOL_RESULTS_MAX, newest, parted, resultBytes, textsOf } from '../conversation.ts';
import { emptyRequestFacts } from '../facts.ts';
import { historyOf } from '../history.ts';
import { objectOf, objectsOf, parseJson, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { RequestInput } from '../protocol.ts';
import { storedId } from './stored-path.ts';

const RESULT_ITEMS = new Set(['function_call_output', 'custom_tool_call_output', 'local_shell_call_output']);

/** What the server gave an item, which clients that keep their own history may leave out. */
const NOT_SAID = new Set(['id', 'status', 'annotations', 'logprobs']);

export function readResponsesRequest(input: RequestInput): RequestFacts {
  const body = objectOf(parseJson(Buffer.from(input.body).toString('utf8')));
  const facts = emptyRequestFacts();
  facts.model = textOrNull(body['model']);
  facts.stream = body['stream'] === true;
  const stored = body['conversation'];
  const inBody = [objectOf(stored)['id'] ?? stored, body['prompt_cache_key']];
  Object.assign(facts, clientSession(input.headers, inBody));
  facts.previous_response = textOrNull(body['previous_response_id']);

  const said = body['input'];
  const items = typeof said === 'string' ? [{ role: 'user', content: said }] : objectsOf(said);
  const { system: instructions, conversation } = parted(items);
  const system = new HashedText();
  system.add(textOf(body['instructions']));
  for (const item of instructions) for (const text of textsOf(item['content'])) system.add(text);
  const user = new HashedText();
  for (const text of textsOf(items.find((item) => item['role'] === 'user')?.['content'])) user.add(text);
  facts.system_text = system.text;
  facts.first_user_text = user.text;
  facts.history = historyOf(conversation.map(asSaid), NOT_SAID);
  facts.tool_results = newest(items, endsATurn)
    .filter((item) => RESULT_ITEMS.has(textOf(item['type'])))
    .slice(-TOOL_RESULTS_MAX)
    .map((item) => ({ id: textOf(item['call_id']), bytes: resultBytes(item['output']), is_error: false }));
  return facts;
}

/** A message may leave out that it is one; of a reference, the id is all there is. */
function asSaid(item: JsonObject): JsonObject {
  if (item['type'] === 'message') return { ...item, type: null };
  return item['type'] === 'item_reference' ? { referred: item['id'] } : item;
}

/**
 * A request about a stored response: it has a path and a query. Its session is the client's, where headers name one;
 * else the requests about one response belong together.
 */
export function readStoredRequest(input: RequestInput): RequestFacts {
  const facts = emptyRequestFacts();
  return Object.assign(facts, clientSession(input.headers, [storedId(input.path)]));
}

/**
 * Clients write parallel calls as call, result, call, result: a call does not end a turn. Without reasoning items
 * between the turns older results may be named again; they have their call's id.
 */
function endsATurn(item: JsonObject): boolean {
  return item['type'] === 'reasoning' || item['role'] === 'assistant' || item['role'] === 'user';
}
