import { isObject, listAt, numberAt, objectAt } from './json.ts';

/** Schemas of clients can refer to themselves; nothing real nests deeper. */
const DEPTH = 6;

/** The smallest value that a JSON Schema plausibly accepts: required members only. */
export function sampleOf(schema: unknown, depth = 0): unknown {
  if (!isObject(schema) || depth > DEPTH) return null;
  if ('const' in schema) return schema['const'];
  const choices = [schema['enum'], schema['anyOf'], schema['oneOf']];
  const listed = choices.findIndex((choice) => Array.isArray(choice) && choice.length > 0);
  if (listed === 0) return listAt(schema, 'enum')[0];
  if (listed > 0) return sampleOf(listAt(schema, listed === 1 ? 'anyOf' : 'oneOf')[0], depth + 1);
  const type = Array.isArray(schema['type']) ? listAt(schema, 'type')[0] : schema['type'];
  // Google writes types in capitals.
  switch (typeof type === 'string' ? type.toLowerCase() : '') {
    case 'string':
      return 'näkö'.padEnd(numberAt(schema, 'minLength') ?? 0, 'x');
    case 'integer':
    case 'number':
      return numberAt(schema, 'minimum') ?? 1;
    case 'boolean':
      return true;
    case 'array':
      return (numberAt(schema, 'minItems') ?? 0) > 0 ? [sampleOf(schema['items'], depth + 1)] : [];
    case 'null':
      return null;
    default:
      return sampleObject(schema, depth);
  }
}

function sampleObject(schema: Record<string, unknown>, depth: number): Record<string, unknown> {
  const properties = objectAt(schema, 'properties') ?? {};
  const named = listAt(schema, 'required').filter((name): name is string => typeof name === 'string');
  return Object.fromEntries(named.map((name) => [name, sampleOf(properties[name], depth + 1)]));
}

/** What a model would write as the arguments of a call: JSON text, padded to `bytes` by an extra member. */
export function sampleArguments(schema: unknown, bytes: number | undefined): string {
  const value = sampleOf(schema);
  const text = JSON.stringify(isObject(value) ? value : {});
  if (bytes === undefined) return text;
  const frame = `${text.slice(0, -1)}${text === '{}' ? '' : ','}"padding":""}`;
  const missing = bytes - Buffer.byteLength(frame);
  return missing < 0 ? text : `${frame.slice(0, -2)}${'p'.repeat(missing)}"}`;
}
