import type { Api } from '../../contract/api.ts';
import { RESPONSE_ID_CHARS } from '../../contract/holding.ts';
import type { NamedResource, ResourceKind } from '../../contract/resource.ts';
import { isObject, objectOf, parseJson, textOf } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { elementsOf, isNamed, membersOf, skipSpace, skipValue, stringValue } from '../json-walk.ts';
import type { Member } from '../json-walk.ts';
import type { ResourceEndpoint } from './endpoints.ts';

const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** What an answer tells of objects of the caller's. */
export interface Told {
  made: NamedResource[];
  expiresAtMs?: number;
}

/**
 * The objects that an answer with a good status tells of: what was made, and files that came of a batch or an upload.
 * Undefined where it is no JSON object, and so nothing that could be handed on.
 */
export function toldIn({ kind, answer, api }: ResourceEndpoint, body: Uint8Array): Told | undefined {
  const value = parsed(body);
  if (value === undefined) return undefined;
  const { made, add } = collecting();
  const isGoogle = api.startsWith('gemini_');
  if (answer === 'made') {
    if (isGoogle) add(kind, nameIn(objectOf(value['file'])['name'] ?? value['name']));
    else add(kind, textOf(value['id']));
  }
  if (kind === 'batch') made.push(...filesOfBatch(value));
  if (kind === 'upload') add('file', textOf(objectOf(value['file'])['id']));
  const expiresAtMs =
    kind === 'batch' ? undefined : expiryOf(isGoogle ? { ...objectOf(value['file']), ...value } : value);
  return expiresAtMs === undefined ? { made } : { made, expiresAtMs };
}

function collecting(): { made: NamedResource[]; add: (kind: ResourceKind, id: string) => void } {
  const made: NamedResource[] = [];
  return {
    made,
    add: (kind, id) => {
      if (id !== '' && id.length <= RESPONSE_ID_CHARS) made.push({ kind, id });
    },
  };
}

/** Files that a batch made: OpenAI's, or Gemini's. */
function filesOfBatch(batch: JsonObject): NamedResource[] {
  const { made, add } = collecting();
  add('file', textOf(batch['output_file_id']));
  add('file', textOf(batch['error_file_id']));
  for (const name of responseFiles(batch)) add('file', name);
  return made;
}

/** Of a list of batches, the files of those that are kept, each with its batch. */
export function filesInList(body: Uint8Array, items: readonly ListItem[]): { batch: string; file: NamedResource }[] {
  return items.flatMap(({ id, start, end }) =>
    filesOfBatch(parsed(body.subarray(start, end)) ?? {}).map((file) => ({ batch: id, file })),
  );
}

/** `files/abc` -> `abc`; `models/x/operations/y` -> `y`. */
function nameIn(name: unknown): string {
  return textOf(name).split('/').at(-1) ?? '';
}

/** Where Gemini tells the file of a batch's answers, which has moved between its versions. */
function responseFiles(value: JsonObject): string[] {
  const places = [
    value['response'],
    value['metadata'],
    objectOf(value['metadata'])['output'],
    value['dest'],
    value['output'],
  ];
  return places.map((place) => nameIn(objectOf(place)['responsesFile'] ?? objectOf(place)['fileName']));
}

/** Seconds (OpenAI) or a time of RFC 3339 (the others). */
function expiryOf(value: JsonObject): number | undefined {
  const told = value['expires_at'] ?? value['expireTime'] ?? value['expirationTime'];
  const ms = typeof told === 'number' ? told * 1000 : typeof told === 'string' ? Date.parse(told) : Number.NaN;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** The members that lists stand under, by API: OpenAI and Anthropic say `data`. */
const LISTS: Partial<Record<Api, string>> = {
  gemini_files: 'files',
  gemini_batches: 'operations',
  gemini_cached_contents: 'cachedContents',
};

/** The id of each item of a list, with the object as JSON has it; undefined where the answer is no list. */
export function listed({ api }: ResourceEndpoint, body: Uint8Array): ListItem[] | undefined {
  const list = listIn(api, body);
  if (list === undefined) return undefined;
  return list.starts.map((start) => ({ id: idOf(api, body, start), start, end: skipValue(body, start) }));
}

export interface ListItem {
  /** Empty where it has none. */
  id: string;
  start: number;
  end: number;
}

/** The list without the items that are not kept; every other byte as it came. */
export function keptOf(
  api: Api,
  body: Uint8Array,
  items: readonly ListItem[],
  keeps: (item: ListItem) => boolean,
): Uint8Array {
  const list = listIn(api, body);
  const kept = items.filter(keeps);
  if (list === undefined || kept.length === items.length) return body;
  const parts: Uint8Array[] = [body.subarray(0, list.open + 1)];
  for (const [index, { start, end }] of kept.entries()) {
    if (index > 0) parts.push(Buffer.from(','));
    parts.push(body.subarray(start, end));
  }
  parts.push(body.subarray(list.close));
  return Buffer.concat(parts);
}

function listIn(api: Api, body: Uint8Array): { open: number; close: number; starts: number[] } | undefined {
  const at = skipSpace(body, 0);
  if (body[at] !== OPEN_BRACE || parsed(body) === undefined) return undefined;
  const name = LISTS[api] ?? 'data';
  // Every one of that name is a list: of two, a client might read the one that was not looked at.
  const found = membersOf(body, at).filter((member) => isNamed(body, member, name));
  const [list] = found;
  if (list === undefined) return hasLists(body, at) ? undefined : { open: -1, close: 0, starts: [] };
  if (found.length > 1 || body[list.valueStart] !== OPEN_BRACKET) return undefined;
  return { open: list.valueStart, close: list.valueEnd - 1, starts: elementsOf(body, list.valueStart) };
}

/** Whether something stands in the answer that could be a list by another name. */
function hasLists(body: Uint8Array, at: number): boolean {
  return membersOf(body, at).some(
    ({ valueStart }) => body[valueStart] === OPEN_BRACKET || body[valueStart] === OPEN_BRACE,
  );
}

function idOf(api: Api, body: Uint8Array, start: number): string {
  if (body[start] !== OPEN_BRACE) return '';
  const isGoogle = api.startsWith('gemini_');
  const member = membersOf(body, start).filter((each) => isNamed(body, each, isGoogle ? 'name' : 'id'));
  const [only] = member;
  if (only === undefined || member.length !== 1 || body[only.valueStart] !== QUOTE) return '';
  const text = stringValue(body.subarray(only.valueStart, only.valueEnd)) ?? '';
  return isGoogle ? nameIn(text) : text;
}

/**
 * Anthropic's batches tell the address of their results, at the provider itself: clients would take their credentials
 * there, and past the gateway. `own` is the gateway as the client called it.
 */
export function withOwnAddresses(body: Uint8Array, own: string): { body: Uint8Array; replaced: number } {
  const at = skipSpace(body, 0);
  if (body[at] !== OPEN_BRACE) return { body, replaced: 0 };
  const top = membersOf(body, at);
  const data = top.find((member) => isNamed(body, member, 'data'));
  const inItems =
    data === undefined || body[data.valueStart] !== OPEN_BRACKET
      ? []
      : elementsOf(body, data.valueStart).flatMap((start) =>
          body[start] === OPEN_BRACE ? membersOf(body, start) : [],
        );
  const places = [...top, ...inItems]
    .filter((member) => isNamed(body, member, 'results_url') && body[member.valueStart] === QUOTE)
    .sort((a, b) => a.valueStart - b.valueStart);
  return spliced(body, places, own);
}

function spliced(body: Uint8Array, places: readonly Member[], own: string): { body: Uint8Array; replaced: number } {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { valueStart, valueEnd } of places) {
    const address = stringValue(body.subarray(valueStart, valueEnd)) ?? '';
    const path = /^https?:\/\/[^/?#]+(?:\/[^?#]*)?(\/v1\/messages\/batches\/[\w.~-]+\/results)$/.exec(address)?.[1];
    // What is no address that we know is better not there than leading past us.
    parts.push(body.subarray(from, valueStart), Buffer.from(path === undefined ? 'null' : JSON.stringify(own + path)));
    from = valueEnd;
  }
  parts.push(body.subarray(from));
  return places.length === 0 ? { body, replaced: 0 } : { body: Buffer.concat(parts), replaced: places.length };
}

function parsed(body: Uint8Array): JsonObject | undefined {
  const value = parseJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  return isObject(value) ? value : undefined;
}
