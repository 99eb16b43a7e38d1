import { elementsOf, membersOf, skipSpace, skipValue, stringValue } from '../../protocols/json-walk.ts';
import { parseJson } from '../../protocols/json.ts';

/** A value of a body: a half-open byte range. */
export interface ValueSpan {
  start: number;
  end: number;
}

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** The body's own value; undefined for a body without bytes. */
export function whole(body: Uint8Array): ValueSpan | undefined {
  return body.byteLength === 0 ? undefined : { start: skipSpace(body, 0), end: body.byteLength };
}

/**
 * Names that some reader takes for the same: Google's JSON has two spellings of each name, and a reader that ignores case
 * is a usual one. A rule judges whatever a provider may read.
 */
function sameName(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

/** The values at a path of members, `generationConfig.topK`; of a list, those of each element. */
export function valuesAt(body: Uint8Array, path: string): ValueSpan[] {
  const top = whole(body);
  let spans = top === undefined ? [] : [top];
  for (const name of path.split('.')) spans = spans.flatMap((span) => membersNamed(body, span, name));
  return spans;
}

/** The values of the members of that name, of an object or of the objects in a list. */
function membersNamed(body: Uint8Array, { start }: ValueSpan, name: string): ValueSpan[] {
  if (body[start] === OPEN_BRACKET) {
    return elements(body, { start, end: start }).flatMap((element) =>
      body[element.start] === OPEN_BRACE ? membersNamed(body, element, name) : [],
    );
  }
  if (body[start] !== OPEN_BRACE) return [];
  return namedIn(body, start).get(sameName(name)) ?? [];
}

/** By body and by where an object begins: rules ask for a dozen names of the same object, and each look reads it whole. */
const READ = new WeakMap<Uint8Array, Map<number, ReadonlyMap<string, ValueSpan[]>>>();

/** The values of an object's members, by `sameName`. */
function namedIn(body: Uint8Array, start: number): ReadonlyMap<string, ValueSpan[]> {
  const objects = READ.get(body) ?? new Map<number, ReadonlyMap<string, ValueSpan[]>>();
  READ.set(body, objects);
  const known = objects.get(start);
  if (known !== undefined) return known;
  const named = new Map<string, ValueSpan[]>();
  for (const { keyStart, keyEnd, valueStart, valueEnd } of membersOf(body, start)) {
    const name = sameName(stringValue(body.subarray(keyStart, keyEnd)) ?? '');
    const span = { start: valueStart, end: valueEnd };
    const twins = named.get(name);
    if (twins === undefined) named.set(name, [span]);
    else twins.push(span);
  }
  objects.set(start, named);
  return named;
}

/** The elements of a list; none of anything else. */
export function elements(body: Uint8Array, { start }: ValueSpan): ValueSpan[] {
  if (body[start] !== OPEN_BRACKET) return [];
  return elementsOf(body, start).map((at) => ({ start: at, end: skipValue(body, at) }));
}

export function parsed(body: Uint8Array, { start, end }: ValueSpan): unknown {
  return parseJson(Buffer.from(body.buffer, body.byteOffset + start, end - start).toString('utf8'));
}
