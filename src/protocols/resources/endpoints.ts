import type { Api, Compatibility, Dialect } from '../../contract/api.ts';
import { RESPONSE_ID_CHARS } from '../../contract/holding.ts';
import { RESOURCE_KINDS } from '../../contract/resource.ts';
import type { NamedResource, ResourceKind } from '../../contract/resource.ts';
import { parameterOf } from '../../lib/query.ts';

/**
 * What becomes of an answer. `made`, `listed` and `told` are held whole until they were read: for the id of what was
 * made, to leave out what is not the caller's, for the ids of files that a batch made. `passed` goes to the client as it
 * comes.
 */
export type AnswerShape = 'made' | 'listed' | 'told' | 'passed';

/** One endpoint of a provider that keeps things: the row of a table that tests go through. */
export interface ResourceEndpoint {
  api: Api;
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /**
   * In braces, ids: `{file}` is of a kind and must be the caller's; `{id}` names something inside of what a kind before
   * it names, and is the provider's to know; `{model}` is a model's bare name.
   */
  path: string;
  does: 'make' | 'read' | 'list' | 'change' | 'delete';
  /** Of what is made, listed, changed or deleted. */
  kind: ResourceKind;
  /** `json`: scanned as any body; `form`: multipart, or JSON where the content type says so; `bytes`: not looked into. */
  body: 'none' | 'json' | 'form' | 'bytes';
  answer: AnswerShape;
}

const row = (
  api: Api,
  method: ResourceEndpoint['method'],
  path: string,
  does: ResourceEndpoint['does'],
  kind: ResourceKind,
  body: ResourceEndpoint['body'] = 'none',
  answer: AnswerShape = 'passed',
): ResourceEndpoint => ({ api, method, path, does, kind, body, answer });

const OPENAI: readonly ResourceEndpoint[] = [
  row('openai_files', 'POST', '/v1/files', 'make', 'file', 'form', 'made'),
  row('openai_files', 'GET', '/v1/files', 'list', 'file', 'none', 'listed'),
  row('openai_files', 'GET', '/v1/files/{file}', 'read', 'file'),
  row('openai_files', 'DELETE', '/v1/files/{file}', 'delete', 'file'),
  row('openai_files', 'GET', '/v1/files/{file}/content', 'read', 'file'),
  row('openai_uploads', 'POST', '/v1/uploads', 'make', 'upload', 'json', 'made'),
  row('openai_uploads', 'POST', '/v1/uploads/{upload}/parts', 'make', 'part', 'form', 'made'),
  row('openai_uploads', 'POST', '/v1/uploads/{upload}/complete', 'change', 'upload', 'json', 'told'),
  row('openai_uploads', 'POST', '/v1/uploads/{upload}/cancel', 'change', 'upload', 'json'),
  row('openai_batches', 'POST', '/v1/batches', 'make', 'batch', 'json', 'made'),
  row('openai_batches', 'GET', '/v1/batches', 'list', 'batch', 'none', 'listed'),
  row('openai_batches', 'GET', '/v1/batches/{batch}', 'read', 'batch', 'none', 'told'),
  row('openai_batches', 'POST', '/v1/batches/{batch}/cancel', 'change', 'batch', 'json', 'told'),
  row('openai_conversations', 'POST', '/v1/conversations', 'make', 'conversation', 'json', 'made'),
  row('openai_conversations', 'GET', '/v1/conversations/{conversation}', 'read', 'conversation'),
  row('openai_conversations', 'POST', '/v1/conversations/{conversation}', 'change', 'conversation', 'json'),
  row('openai_conversations', 'DELETE', '/v1/conversations/{conversation}', 'delete', 'conversation'),
  row('openai_conversations', 'GET', '/v1/conversations/{conversation}/items', 'read', 'conversation'),
  row('openai_conversations', 'POST', '/v1/conversations/{conversation}/items', 'change', 'conversation', 'json'),
  row('openai_conversations', 'GET', '/v1/conversations/{conversation}/items/{id}', 'read', 'conversation'),
  row('openai_conversations', 'DELETE', '/v1/conversations/{conversation}/items/{id}', 'change', 'conversation'),
  row('openai_containers', 'POST', '/v1/containers', 'make', 'container', 'json', 'made'),
  row('openai_containers', 'GET', '/v1/containers', 'list', 'container', 'none', 'listed'),
  row('openai_containers', 'GET', '/v1/containers/{container}', 'read', 'container'),
  row('openai_containers', 'DELETE', '/v1/containers/{container}', 'delete', 'container'),
  row('openai_containers', 'POST', '/v1/containers/{container}/files', 'change', 'container', 'form'),
  row('openai_containers', 'GET', '/v1/containers/{container}/files', 'read', 'container'),
  row('openai_containers', 'GET', '/v1/containers/{container}/files/{id}', 'read', 'container'),
  row('openai_containers', 'GET', '/v1/containers/{container}/files/{id}/content', 'read', 'container'),
  row('openai_containers', 'DELETE', '/v1/containers/{container}/files/{id}', 'change', 'container'),
  row('openai_vector_stores', 'POST', '/v1/vector_stores', 'make', 'vector_store', 'json', 'made'),
  row('openai_vector_stores', 'GET', '/v1/vector_stores', 'list', 'vector_store', 'none', 'listed'),
  row('openai_vector_stores', 'GET', '/v1/vector_stores/{vector_store}', 'read', 'vector_store'),
  row('openai_vector_stores', 'POST', '/v1/vector_stores/{vector_store}', 'change', 'vector_store', 'json'),
  row('openai_vector_stores', 'DELETE', '/v1/vector_stores/{vector_store}', 'delete', 'vector_store'),
  row('openai_vector_stores', 'POST', '/v1/vector_stores/{vector_store}/search', 'read', 'vector_store', 'json'),
  row('openai_vector_stores', 'POST', '/v1/vector_stores/{vector_store}/files', 'change', 'vector_store', 'json'),
  row('openai_vector_stores', 'GET', '/v1/vector_stores/{vector_store}/files', 'read', 'vector_store'),
  row('openai_vector_stores', 'GET', '/v1/vector_stores/{vector_store}/files/{file}', 'read', 'vector_store'),
  row('openai_vector_stores', 'GET', '/v1/vector_stores/{vector_store}/files/{file}/content', 'read', 'vector_store'),
  row(
    'openai_vector_stores',
    'POST',
    '/v1/vector_stores/{vector_store}/files/{file}',
    'change',
    'vector_store',
    'json',
  ),
  row('openai_vector_stores', 'DELETE', '/v1/vector_stores/{vector_store}/files/{file}', 'change', 'vector_store'),
];

const ANTHROPIC: readonly ResourceEndpoint[] = [
  row('anthropic_files', 'POST', '/v1/files', 'make', 'file', 'form', 'made'),
  row('anthropic_files', 'GET', '/v1/files', 'list', 'file', 'none', 'listed'),
  row('anthropic_files', 'GET', '/v1/files/{file}', 'read', 'file'),
  row('anthropic_files', 'DELETE', '/v1/files/{file}', 'delete', 'file'),
  row('anthropic_files', 'GET', '/v1/files/{file}/content', 'read', 'file'),
  row('anthropic_batches', 'POST', '/v1/messages/batches', 'make', 'batch', 'json', 'made'),
  row('anthropic_batches', 'GET', '/v1/messages/batches', 'list', 'batch', 'none', 'listed'),
  row('anthropic_batches', 'GET', '/v1/messages/batches/{batch}', 'read', 'batch', 'none', 'told'),
  row('anthropic_batches', 'DELETE', '/v1/messages/batches/{batch}', 'delete', 'batch'),
  row('anthropic_batches', 'POST', '/v1/messages/batches/{batch}/cancel', 'change', 'batch', 'json', 'told'),
  row('anthropic_batches', 'GET', '/v1/messages/batches/{batch}/results', 'read', 'batch'),
];

/** Written for `v1beta`; the other versions have them too. */
const GOOGLE: readonly ResourceEndpoint[] = [
  row('gemini_files', 'POST', '/upload/v1beta/files', 'make', 'file', 'bytes', 'made'),
  row('gemini_files', 'GET', '/v1beta/files', 'list', 'file', 'none', 'listed'),
  row('gemini_files', 'GET', '/v1beta/files/{file}', 'read', 'file'),
  row('gemini_files', 'DELETE', '/v1beta/files/{file}', 'delete', 'file'),
  row('gemini_files', 'GET', '/v1beta/files/{file}:download', 'read', 'file'),
  row('gemini_files', 'GET', '/download/v1beta/files/{file}:download', 'read', 'file'),
  row('gemini_batches', 'POST', '/v1beta/models/{model}:batchGenerateContent', 'make', 'batch', 'json', 'made'),
  row('gemini_batches', 'GET', '/v1beta/batches', 'list', 'batch', 'none', 'listed'),
  row('gemini_batches', 'GET', '/v1beta/batches/{batch}', 'read', 'batch', 'none', 'told'),
  row('gemini_batches', 'POST', '/v1beta/batches/{batch}:cancel', 'change', 'batch', 'json'),
  row('gemini_batches', 'DELETE', '/v1beta/batches/{batch}', 'delete', 'batch'),
  row('gemini_cached_contents', 'POST', '/v1beta/cachedContents', 'make', 'cache', 'json', 'made'),
  row('gemini_cached_contents', 'GET', '/v1beta/cachedContents', 'list', 'cache', 'none', 'listed'),
  row('gemini_cached_contents', 'GET', '/v1beta/cachedContents/{cache}', 'read', 'cache'),
  row('gemini_cached_contents', 'PATCH', '/v1beta/cachedContents/{cache}', 'change', 'cache', 'json'),
  row('gemini_cached_contents', 'DELETE', '/v1beta/cachedContents/{cache}', 'delete', 'cache'),
  row('gemini_operations', 'GET', '/v1beta/operations/{operation}', 'read', 'operation'),
  row('gemini_operations', 'GET', '/v1beta/models/{model}/operations/{operation}', 'read', 'operation'),
];

export const RESOURCE_ENDPOINTS: readonly ResourceEndpoint[] = [...OPENAI, ...ANTHROPIC, ...GOOGLE];

/** Which formats a provider must speak, one of them, and in whose shape faults are told. */
export interface ResourceFamily {
  dialect: Dialect;
  speaks: readonly Compatibility[];
}

const OPENAI_FAMILY: ResourceFamily = { dialect: 'openai', speaks: ['openai_responses', 'openai_chat'] };
const RESPONSES_FAMILY: ResourceFamily = { dialect: 'openai_responses', speaks: ['openai_responses'] };
const ANTHROPIC_FAMILY: ResourceFamily = { dialect: 'anthropic', speaks: ['anthropic_messages'] };
const GOOGLE_FAMILY: ResourceFamily = { dialect: 'google', speaks: ['gemini_generate_content'] };

export function familyOf(api: Api): ResourceFamily {
  if (api.startsWith('anthropic_')) return ANTHROPIC_FAMILY;
  if (api.startsWith('gemini_')) return GOOGLE_FAMILY;
  return api === 'openai_conversations' ? RESPONSES_FAMILY : OPENAI_FAMILY;
}

/** A request to one of the endpoints, with what its path names. */
export interface ResourceCall {
  endpoint: ResourceEndpoint;
  ids: NamedResource[];
  model?: string;
}

interface Compiled {
  endpoint: ResourceEndpoint;
  pattern: RegExp;
  /** What stands in the braces, in order. */
  places: string[];
}

/** What else could be in an id is doubtful: another server on the way might read it as something else. */
const ID = `([A-Za-z0-9_.~-]{1,${RESPONSE_ID_CHARS}})`;

function compiled(endpoint: ResourceEndpoint): Compiled {
  const places: string[] = [];
  const parts = endpoint.path.split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0)
      return part.replaceAll('v1beta', '(?:v1beta|v1alpha|v1)').replace(/:(?=[a-z]+$)/, '(?::|%3[Aa])');
    places.push(part);
    return ID;
  });
  return { endpoint, pattern: new RegExp(`^${parts.join('')}$`), places };
}

const TABLES = {
  openai: OPENAI.map(compiled),
  anthropic: ANTHROPIC.map(compiled),
  google: GOOGLE.map(compiled),
};

/** Paths that begin otherwise are none of the table's. */
const BEGINS =
  /^\/(?:v1|v1beta|v1alpha|upload|download)\/(?:(?:v1|v1beta|v1alpha)\/)?(?:files|uploads|batches|conversations|containers|vector_stores|messages\/batches|cachedContents|operations|models\/[^/]+(?::|%3[Aa])batchGenerateContent|models\/[^/]+\/operations\/)/;

/**
 * What is asked of what a provider keeps; methods that the path takes where it takes others; undefined where the path is
 * none of the table's. Three APIs have `/v1/files`: headers say whose client it is, as with `/v1/models`.
 */
export function resourceCall(
  method: string,
  path: string,
  query: string,
  header: (name: string) => string | undefined,
): ResourceCall | { allow: string; dialect: Dialect } | undefined {
  if (!BEGINS.test(path)) return undefined;
  const allowed: string[] = [];
  let dialect: Dialect = 'plain';
  for (const { endpoint, pattern, places } of TABLES[tableOf(path, header)]) {
    const match = pattern.exec(path);
    if (match === null) continue;
    if (endpoint.method === method) return withUpload(callOf(endpoint, places, match), query);
    allowed.push(endpoint.method);
    dialect = familyOf(endpoint.api).dialect;
  }
  return allowed.length === 0 ? undefined : { allow: allowed.join(', '), dialect };
}

function tableOf(path: string, header: (name: string) => string | undefined): keyof typeof TABLES {
  if (!path.startsWith('/v1/')) return 'google';
  if (path.startsWith('/v1/messages/')) return 'anthropic';
  if (header('anthropic-version') !== undefined || header('anthropic-beta') !== undefined) return 'anthropic';
  return header('x-goog-api-key') !== undefined || header('x-goog-api-client') !== undefined ? 'google' : 'openai';
}

function callOf(endpoint: ResourceEndpoint, places: readonly string[], match: RegExpExecArray): ResourceCall {
  const call: ResourceCall = { endpoint, ids: [] };
  for (const [index, place] of places.entries()) {
    const id = match[index + 1] ?? '';
    const kind = RESOURCE_KINDS.find((each) => each === place);
    if (kind !== undefined) call.ids.push({ kind, id });
    else if (place === 'model') call.model = id;
  }
  return call;
}

const UPLOAD_ID = new RegExp(`^${ID}$`);

/** Of a query: undefined where it names no upload; empty where it names one in a way that could be read in two. */
export function uploadIdOf(query: string): string | undefined {
  const named = query.split('&').filter((part) => parameterOf(part).name.replaceAll('-', '_') === 'upload_id');
  if (named.length === 0) return undefined;
  const id = named.length === 1 ? (named[0] ?? '').replace(/^upload_id=/, '') : '';
  return UPLOAD_ID.test(id) ? id : '';
}

/** Google's uploads go on by an id in the query. */
function withUpload(call: ResourceCall, query: string): ResourceCall {
  const id = call.endpoint.body === 'bytes' ? uploadIdOf(query) : undefined;
  return id === undefined ? call : { ...call, ids: [...call.ids, { kind: 'upload', id }] };
}
