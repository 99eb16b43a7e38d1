import type { NamedResource } from '../../contract/resource.ts';
import { RESPONSE_ID_CHARS } from '../../contract/holding.ts';
import { objectOf, objectsOf, textOf } from '../json.ts';
import type { JsonObject } from '../json.ts';

/** Containers and files that one response can have made; those beyond are nobody's. */
const MADE_MAX = 64;

/** OpenAI: containers in which the tools of a response ran, so that their files can be fetched. */
export function madeByItems(items: readonly JsonObject[]): NamedResource[] {
  const ids = items.flatMap((item) =>
    item['type'] === 'code_interpreter_call'
      ? [textOf(item['container_id'])]
      : [textOf(objectOf(item['environment'])['container_id'])],
  );
  return each(ids.map((id) => ({ kind: 'container', id })));
}

/** Anthropic: the container of a message, which the next one may name, and the files that code wrote in it. */
export function madeByMessage(message: JsonObject, content: readonly JsonObject[]): NamedResource[] {
  const files = content
    .filter(({ type }) => textOf(type).endsWith('code_execution_tool_result'))
    .flatMap((block) => objectsOf(objectOf(block['content'])['content']))
    .map((output): NamedResource => ({ kind: 'file', id: textOf(output['file_id']) }));
  return each([{ kind: 'container', id: textOf(objectOf(message['container'])['id']) }, ...files]);
}

function each(named: readonly NamedResource[]): NamedResource[] {
  const found = new Map<string, NamedResource>();
  for (const resource of named) {
    if (resource.id !== '' && resource.id.length <= RESPONSE_ID_CHARS)
      found.set(`${resource.kind} ${resource.id}`, resource);
  }
  return [...found.values()].slice(0, MADE_MAX);
}
