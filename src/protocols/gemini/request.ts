import type { RequestFacts } from '../../contract/facts.ts';
import { clientSession } from '../client-session.ts';
import { HashedText, TOOL_RESULTS_MAX, newest, resultBytes, textsOf } from '../conversation.ts';
import { emptyRequestFacts } from '../facts.ts';
import { historyOf } from '../history.ts';
import { isObject, objectOf, objectsOf, parseJson, textOf, textOrNull } from '../json.ts';
import type { RequestInput } from '../protocol.ts';

/** `…/models/{model}:{verb}`, Google's own path and Vertex'; the colon can arrive encoded, a name can hold slashes. */
const CALL = /\/(models|tunedModels)\/(.+)(?::|%3[Aa])([A-Za-z]+)$/;

/** Signatures of thoughts stand beside calls and texts; clients may drop them from earlier turns. */
const NOT_SAID = new Set(['thoughtSignature', 'thought_signature']);

export function readGenerateRequest(input: RequestInput): RequestFacts {
  const outer = objectOf(parseJson(Buffer.from(input.body).toString('utf8')));
  // Counting can ask about a whole request.
  const inner = outer['generateContentRequest'];
  const body = isObject(inner) ? inner : outer;
  const facts = emptyRequestFacts();
  const [, collection, name = '', verb] = CALL.exec(input.path) ?? [];
  if (name !== '') facts.model = collection === 'tunedModels' ? `tunedModels/${decoded(name)}` : decoded(name);
  facts.stream = verb === 'streamGenerateContent';
  Object.assign(facts, clientSession(input.headers, []));

  const contents = objectsOf(body['contents']);
  const system = new HashedText();
  const instruction = body['systemInstruction'] ?? body['system_instruction'];
  for (const text of textsOf(objectOf(instruction)['parts'])) system.add(text);
  const user = new HashedText();
  const firstUser = contents.find((content) => content['role'] !== 'model');
  for (const text of textsOf(firstUser?.['parts'])) user.add(text);
  facts.system_text = system.text;
  facts.first_user_text = user.text;
  facts.history = historyOf(contents, NOT_SAID);
  facts.tool_results = newest(contents, (content) => content['role'] === 'model')
    .flatMap((content) => objectsOf(content['parts']))
    .flatMap((part) => (isObject(part['functionResponse']) ? [part['functionResponse']] : []))
    .slice(0, TOOL_RESULTS_MAX)
    .map((result) => ({
      id: textOrNull(result['id']) ?? textOf(result['name']),
      bytes: resultBytes(result['response']),
      is_error: Object.hasOwn(objectOf(result['response']), 'error'),
    }));
  return facts;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    // Not ours to repair; the path was judged where it came in.
    return name;
  }
}
