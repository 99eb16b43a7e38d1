import type { Dialect } from '../contract/api.ts';
import { listDialect } from './models.ts';
import type { ListDialect } from './models.ts';
import type { MediaApi } from './openai-media.ts';

export type GeminiVerb = 'generate' | 'stream' | 'count' | 'embed' | 'embed_batch';

/** What a request is for. */
export type Route =
  | { to: 'chat' }
  | { to: 'responses' }
  | { to: 'input_tokens' }
  | { to: 'compact' }
  /** `after`: the stream is resumed behind the event of this number. */
  | { to: 'response'; verb: 'get' | 'cancel' | 'delete' | 'input_items'; id: string; after?: number }
  | { to: 'embeddings' }
  | { to: 'media'; api: MediaApi }
  /** `model` and `stream` where the path decides them: Claude on Vertex. */
  | { to: 'messages'; model?: string; stream?: boolean }
  | { to: 'count_tokens' }
  | { to: 'gemini'; verb: GeminiVerb; model: string; vertex: boolean; sse: boolean }
  | { to: 'models'; dialect: ListDialect }
  | { to: 'model'; dialect: ListDialect; id: string }
  | { to: 'root' }
  | { to: 'nowhere' };

const GEMINI = /\/((?:models|tunedModels)\/[^/:]+|models\/models\/[^/:]+):(\w+)$/;
const RAW_PREDICT = /\/models\/([^/:]+):(rawPredict|streamRawPredict)$/;
const RESPONSE = /\/responses\/([^/]+)(?:\/(cancel|input_items))?$/;
const MODEL = /^(?:\/openai)?\/v1(?:beta|alpha)?\/models(?:\/(.+))?$/;

const GEMINI_VERBS: ReadonlyMap<string, GeminiVerb> = new Map([
  ['generateContent', 'generate'],
  ['streamGenerateContent', 'stream'],
  ['countTokens', 'count'],
  ['embedContent', 'embed'],
  ['batchEmbedContents', 'embed_batch'],
]);

/** POST paths by their ends: a provider may live under a prefix, and some clients leave out `/v1`. */
const POSTS: readonly [string, Route][] = [
  ['/chat/completions', { to: 'chat' }],
  ['/messages', { to: 'messages' }],
  ['/messages/count_tokens', { to: 'count_tokens' }],
  ['/responses', { to: 'responses' }],
  ['/responses/input_tokens', { to: 'input_tokens' }],
  ['/responses/compact', { to: 'compact' }],
  ['/embeddings', { to: 'embeddings' }],
  ['/images/generations', { to: 'media', api: 'openai_images' }],
  ['/images/edits', { to: 'media', api: 'openai_images' }],
  ['/audio/transcriptions', { to: 'media', api: 'openai_transcriptions' }],
  ['/audio/translations', { to: 'media', api: 'openai_transcriptions' }],
  ['/audio/speech', { to: 'media', api: 'openai_speech' }],
];

const NOWHERE: Route = { to: 'nowhere' };

export function routeOf(
  method: string,
  path: string,
  query: string,
  header: (name: string) => string | undefined,
): Route {
  if (method === 'POST') return postRoute(path, query);
  if (path === '/' && (method === 'GET' || method === 'HEAD')) return { to: 'root' };
  if (method === 'DELETE') return responseRoute(path, 'delete') ?? NOWHERE;
  if (method !== 'GET') return NOWHERE;
  const model = MODEL.exec(path);
  if (model !== null) {
    const dialect = listDialect(path, query, header);
    return model[1] === undefined ? { to: 'models', dialect } : { to: 'model', dialect, id: decoded(model[1]) };
  }
  return resumed(responseRoute(path, 'get'), query) ?? NOWHERE;
}

function resumed(route: Route | undefined, query: string): Route | undefined {
  const asked = new URLSearchParams(query);
  if (route?.to !== 'response' || route.verb !== 'get' || asked.get('stream') !== 'true') return route;
  return { ...route, after: Number(asked.get('starting_after') ?? '-1') };
}

function postRoute(path: string, query: string): Route {
  for (const [end, route] of POSTS) if (path.endsWith(end)) return route;
  // The colon may come percent-encoded.
  const plain = path.includes('%') ? path.replaceAll(/%3a/gi, ':') : path;
  const raw = RAW_PREDICT.exec(plain);
  if (raw !== null) return { to: 'messages', model: decoded(raw[1] ?? ''), stream: raw[2] === 'streamRawPredict' };
  const gemini = GEMINI.exec(plain);
  const verb = GEMINI_VERBS.get(gemini?.[2] ?? '');
  if (gemini !== null && verb !== undefined) {
    const model = decoded(gemini[1] ?? '').replace(/^(?:models\/)+/, '');
    const sse = /(?:^|&)alt=sse(?:&|$)/.test(query);
    return { to: 'gemini', verb, model, vertex: plain.includes('/publishers/'), sse };
  }
  return responseRoute(path, 'cancel') ?? NOWHERE;
}

function responseRoute(path: string, verb: 'get' | 'delete' | 'cancel'): Route | undefined {
  const match = RESPONSE.exec(path);
  if (match === null) return undefined;
  const id = match[1] ?? '';
  if (verb === 'cancel') return match[2] === 'cancel' ? { to: 'response', verb, id } : undefined;
  if (match[2] === 'input_items') return verb === 'get' ? { to: 'response', verb: 'input_items', id } : undefined;
  return match[2] === undefined ? { to: 'response', verb, id } : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not percent-encoding: then it is the name itself.
  }
}

/** Whose errors a caller of this route expects. */
export function dialectOf(route: Route): Dialect {
  switch (route.to) {
    case 'messages':
    case 'count_tokens':
      return 'anthropic';
    case 'gemini':
      return 'google';
    case 'responses':
      return 'openai_responses';
    case 'models':
    case 'model':
      return route.dialect;
    default:
      return 'openai';
  }
}
