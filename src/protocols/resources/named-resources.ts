import type { Api } from '../../contract/api.ts';
import type { Fault } from '../../contract/fault.ts';
import { RESPONSE_ID_CHARS } from '../../contract/holding.ts';
import type { BodyFields } from '../../contract/messages.ts';
import type { NamedResource, ResourceKind } from '../../contract/resource.ts';
import { failed, ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';
import { membersOf, stringValue } from '../json-walk.ts';
import { RESOURCE_ENDPOINTS } from './endpoints.ts';
import { namedMembers } from './named-members.ts';
import type { NamedMember } from './named-members.ts';

/** Objects that one body may name. OpenAI's own longest list, of a vector store's files, has 500. */
const NAMED_MAX = 512;

/** Members that name what a provider keeps, wherever they stand. */
const ANYWHERE: Record<string, ResourceKind> = {
  file_id: 'file',
  file_ids: 'file',
  input_file_id: 'file',
  training_file: 'file',
  validation_file: 'file',
  vector_store_id: 'vector_store',
  vector_store_ids: 'vector_store',
  part_ids: 'part',
};
/** In the tools of a request only: elsewhere they repeat what a provider said. */
const IN_TOOLS: Record<string, ResourceKind> = { container: 'container', container_id: 'container' };
const GOOGLE: Record<string, ResourceKind> = {
  fileUri: 'file',
  file_uri: 'file',
  cachedContent: 'cache',
  cached_content: 'cache',
};

const NAMES = new Set([...Object.keys(ANYWHERE), ...Object.keys(IN_TOOLS)]);
const GOOGLE_NAMES = new Set(Object.keys(GOOGLE));

/**
 * What the body of an ordinary prompt must hold to be looked at further: as bytes, as it may have megabytes, 0.3 ms each for
 * a search. All else stands in few places of a prompt.
 */
const HINTS = ['file_id'].map(bytes);
const TOOL_HINTS = ['container', 'vector_store_id'].map(bytes);
const GOOGLE_HINTS = ['fileUri', 'file_uri'].map(bytes);
const GOOGLE_MEMBERS = ['cachedContent', 'generateContentRequest'];

/** Bodies of these are no prompts: all of one is looked at. */
const LOOKED_AT: ReadonlySet<Api> = new Set(RESOURCE_ENDPOINTS.map(({ api }) => api));

/** `\u0066ile_id` is `file_id`: letters and the underline as escapes are `\u004…` to `\u007…`, and no client writes them so. */
const ESCAPE = bytes('\\u00');
const DIGIT_4 = 0x34;
const DIGIT_7 = 0x37;

const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;

/**
 * What a scanned body names of what providers keep, each once, an earlier response aside: in which an object of somebody
 * else's could be read, or continued.
 */
export function namedResources(api: Api, body: Uint8Array, fields: BodyFields): Result<NamedResource[], Fault> {
  const isGoogle = api.startsWith('gemini_') || api === 'google_generate_content';
  const found = isGoogle ? ofGoogle(api, body, fields) : [...ofTopLevel(body, fields), ...ofOthers(api, body, fields)];
  const each = new Map<string, NamedResource>();
  for (const { kind, id } of found) {
    if (id === '') continue;
    if (id.length > RESPONSE_ID_CHARS) {
      return failed({ code: 'body_bad_field', field: kind, why: `is longer than ${RESPONSE_ID_CHARS} characters` });
    }
    each.set(`${kind} ${id}`, { kind, id });
  }
  if (each.size <= NAMED_MAX) return ok([...each.values()]);
  return failed({ code: 'body_bad_field', field: 'file_ids', why: `names more than ${NAMED_MAX} objects` });
}

/** `conversation` and `container` are a text, or an object with an `id`. */
function ofTopLevel(body: Uint8Array, { spans }: BodyFields): NamedResource[] {
  const found: NamedResource[] = [];
  for (const kind of ['conversation', 'container'] as const) {
    const at = spans[kind]?.valueStart;
    if (at === undefined) continue;
    if (body[at] === QUOTE) found.push({ kind, id: textAt(body, at, spans[kind]?.valueEnd ?? at) });
    if (body[at] !== OPEN_BRACE) continue;
    for (const { keyStart, keyEnd, valueStart, valueEnd } of membersOf(body, at)) {
      if (textAt(body, keyStart, keyEnd) === 'id') found.push({ kind, id: textAt(body, valueStart, valueEnd) });
    }
  }
  return found;
}

function ofOthers(api: Api, body: Uint8Array, { spans }: BodyFields): NamedResource[] {
  const tools = spans['tools'];
  const inTools = tools !== undefined && holds(body.subarray(tools.valueStart, tools.valueEnd), TOOL_HINTS);
  if (!inTools && !isLookedAt(api, body, HINTS)) return [];
  return namedMembers(body, NAMES).flatMap(({ key, text, top }) => {
    const kind = ANYWHERE[key] ?? (top.toLowerCase() === 'tools' ? IN_TOOLS[key] : undefined);
    return kind === undefined ? [] : [{ kind, id: text }];
  });
}

function ofGoogle(api: Api, body: Uint8Array, { spans }: BodyFields): NamedResource[] {
  const hasMember = GOOGLE_MEMBERS.some((key) => spans[key] !== undefined);
  if (!hasMember && !isLookedAt(api, body, GOOGLE_HINTS)) return [];
  return namedMembers(body, GOOGLE_NAMES).flatMap(googleName);
}

const CACHE_NAME = /^(?:cachedContents\/)?(.*)$/s;
/** A file's own name, or the address that the API gave it, at whatever host the provider is. */
const FILE_NAME = /^(?:https?:\/\/[^/?#]+(?:\/[\w.-]+)*\/v1(?:beta|alpha)?\/)?files\/([^/?#:]+)$/i;
/** What a server could read as such an address, and we do not: nobody's. Any other address (a video's) is none of ours. */
const FILE_LIKE = /generativelanguage|\/v1(?:beta|alpha)?\/+files|^files/i;

function googleName({ key, text }: NamedMember): NamedResource[] {
  if (GOOGLE[key] === 'cache') return [{ kind: 'cache', id: CACHE_NAME.exec(text)?.[1] ?? '' }];
  const plain = text.trim();
  const id = FILE_NAME.exec(plain)?.[1] ?? (FILE_LIKE.test(plain) ? plain.slice(0, RESPONSE_ID_CHARS) : undefined);
  return id === undefined ? [] : [{ kind: 'file', id }];
}

function textAt(body: Uint8Array, start: number, end: number): string {
  return body[start] === QUOTE ? (stringValue(body.subarray(start, end)) ?? '') : '';
}

function isLookedAt(api: Api, body: Uint8Array, hints: readonly Buffer[]): boolean {
  return LOOKED_AT.has(api) || holds(body, hints) || hasEscapedLetters(body);
}

function holds(body: Uint8Array, hints: readonly Buffer[]): boolean {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return hints.some((hint) => buffer.includes(hint));
}

function hasEscapedLetters(body: Uint8Array): boolean {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = buffer.indexOf(ESCAPE); at >= 0; at = buffer.indexOf(ESCAPE, at + ESCAPE.length)) {
    const digit = buffer[at + ESCAPE.length] ?? 0;
    if (digit >= DIGIT_4 && digit <= DIGIT_7) return true;
  }
  return false;
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** As members of a body, the fields of a form. */
export function formResources(parts: readonly { name: string; body: Buffer }[]): NamedResource[] {
  return parts.flatMap(({ name, body }) => {
    const kind = ANYWHERE[name.replace(/\[\d*\]$/, '')];
    return kind === undefined ? [] : [{ kind, id: body.toString('utf8').trim() }];
  });
}
