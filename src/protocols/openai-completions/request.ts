import type { RequestFacts } from '../../contract/facts.ts';
import { clientSession } from '../client-session.ts';
import { HashedText } from '../conversation.ts';
import { emptyRequestFacts } from '../facts.ts';
import { jsonText, objectOf, parseJson, textOrNull } from '../json.ts';
import type { RequestInput } from '../protocol.ts';

/** Facts of a request to go on with a text. It is no conversation: nothing tells which text it continues. */
export function readCompletionRequest(input: RequestInput): RequestFacts {
  const body = objectOf(parseJson(Buffer.from(input.body).toString('utf8')));
  const facts = emptyRequestFacts();
  facts.model = textOrNull(body['model']);
  facts.stream = body['stream'] === true;
  const metadata = objectOf(body['metadata']);
  Object.assign(facts, clientSession(input.headers, [body['prompt_cache_key'], metadata['session_id']]));
  const said = new HashedText();
  for (const text of promptTexts(body['prompt'])) said.add(text);
  facts.first_user_text = said.text;
  return facts;
}

/** Tokens stand for their text: the same ones are the same prompt. */
function promptTexts(prompt: unknown): string[] {
  if (typeof prompt === 'string') return [prompt];
  if (!Array.isArray(prompt)) return [];
  if (typeof prompt[0] === 'number') return [jsonText(prompt)];
  return prompt.map((one: unknown) => (typeof one === 'string' ? one : jsonText(one)));
}
