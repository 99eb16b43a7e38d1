import type { Api, Dialect } from '../contract/api.ts';
import { assert } from '../lib/result.ts';
import { anthropicCountTokens, anthropicMessages } from './anthropic-messages/protocol.ts';
import { bedrockCall, bedrockPathWithModel, isBedrockPath } from './bedrock/path.ts';
import type { BedrockCall } from './bedrock/path.ts';
import { bedrockConverse, bedrockCountTokens, bedrockInvoke } from './bedrock/protocol.ts';
import { direct } from './direct/protocol.ts';
import { gemini, geminiCountTokens, geminiEmbedContent } from './gemini/protocol.ts';
import { openaiChat } from './openai-chat/protocol.ts';
import { openaiTextCompletions } from './openai-completions/protocol.ts';
import { openaiEmbeddings } from './openai-embeddings/protocol.ts';
import { openaiImages, openaiSpeech, openaiTranscriptions } from './openai-media/protocol.ts';
import { openaiModerations } from './openai-moderations/protocol.ts';
import { openaiRealtime } from './openai-realtime/protocol.ts';
import {
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesInputTokens,
  openaiResponsesSide,
  openaiResponsesStored,
} from './openai-responses/protocol.ts';
import { storedCall } from './openai-responses/stored-path.ts';
import type { StoredCall } from './openai-responses/stored-path.ts';
import type { Protocol } from './protocol.ts';
import { rerank } from './rerank/protocol.ts';
import { resourceCall } from './resources/endpoints.ts';
import type { ResourceCall } from './resources/endpoints.ts';
import { RESOURCE_PROTOCOLS } from './resources/protocols.ts';
import { isVertexPath, vertexCall, vertexPathWithModel } from './vertex/path.ts';
import type { VertexCall } from './vertex/path.ts';
import { vertexCountTokens, vertexGenerate, vertexRawCountTokens, vertexRawPredict } from './vertex/protocol.ts';

/** What a request is for, by its method, path, query and headers. */
export type Endpoint =
  | {
      kind: 'exchange';
      protocol: Protocol;
      dialect: Dialect;
      /** `response`: a stored response names it, by its maker's request. `none`: what `resource` is about may have none. */
      modelIn: 'body' | 'path' | 'response' | 'none';
      /** From the path, decoded. */
      model?: string;
      /** The stored response that the path names. */
      responseId?: string;
      /** It is about what providers keep, other than a response. */
      resource?: ResourceCall;
      /** No protocol reads it, and grants may open it as it is: its segments, decoded. */
      direct?: readonly string[];
      /** Where the path's verb or the query says it. */
      stream?: boolean;
      /** As the client wrote it, but for a prefix that is ours. */
      upstreamPath: string;
    }
  | { kind: 'models'; dialect: Dialect }
  | { kind: 'model'; dialect: Dialect; id: string }
  | { kind: 'wrong_method'; allow: string; dialect: Dialect }
  | { kind: 'upgrade'; dialect: Dialect }
  /** A WebSocket: of turns, each with a model of its own, or of one session. */
  | { kind: 'socket'; of: 'turns' | 'session'; protocol: Protocol; dialect: Dialect; upstreamPath: string }
  | { kind: 'unknown'; dialect: Dialect };

type Header = (name: string) => string | undefined;

export const PROTOCOLS: readonly Protocol[] = [
  openaiChat,
  openaiEmbeddings,
  openaiImages,
  openaiTranscriptions,
  openaiSpeech,
  openaiTextCompletions,
  openaiModerations,
  rerank,
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesInputTokens,
  openaiResponsesStored,
  openaiResponsesSide,
  openaiRealtime,
  anthropicMessages,
  anthropicCountTokens,
  gemini,
  geminiCountTokens,
  geminiEmbedContent,
  ...RESOURCE_PROTOCOLS,
  bedrockInvoke,
  bedrockConverse,
  bedrockCountTokens,
  vertexGenerate,
  vertexCountTokens,
  vertexRawPredict,
  vertexRawCountTokens,
  direct,
];
const BY_API = new Map(PROTOCOLS.map((protocol): [Api, Protocol] => [protocol.api, protocol]));

/** Paths whose model is in the body, and the path for the provider where it is another. */
const BODY_PATHS = new Map<string, { protocol: Protocol; upstreamPath?: string }>([
  ['/v1/chat/completions', { protocol: openaiChat }],
  // For providers with another version segment, which the base URL holds.
  ['/chat/completions', { protocol: openaiChat }],
  ['/v1/embeddings', { protocol: openaiEmbeddings }],
  ['/v1/images/generations', { protocol: openaiImages }],
  ['/v1/images/edits', { protocol: openaiImages }],
  ['/v1/images/variations', { protocol: openaiImages }],
  ['/v1/audio/transcriptions', { protocol: openaiTranscriptions }],
  ['/v1/audio/translations', { protocol: openaiTranscriptions }],
  ['/v1/audio/speech', { protocol: openaiSpeech }],
  ['/v1/completions', { protocol: openaiTextCompletions }],
  ['/v1/moderations', { protocol: openaiModerations }],
  // Jina's and Voyage's, and Cohere's of two times; self-hosted servers have them without a version too.
  ['/v1/rerank', { protocol: rerank }],
  ['/v2/rerank', { protocol: rerank }],
  ['/rerank', { protocol: rerank }],
  ['/v1/responses', { protocol: openaiResponses }],
  // Codex on a ChatGPT plan.
  ['/codex/responses', { protocol: openaiResponses, upstreamPath: '/responses' }],
  ['/v1/responses/compact', { protocol: openaiResponsesCompact }],
  ['/v1/responses/input_tokens', { protocol: openaiResponsesInputTokens }],
  ['/v1/messages', { protocol: anthropicMessages }],
  ['/v1/messages/count_tokens', { protocol: anthropicCountTokens }],
]);

/** Paths of the above that are offered as WebSockets too: each frame that asks for a response has a model of its own. */
const TURN_SOCKETS: ReadonlySet<Protocol> = new Set([openaiResponses]);

const REALTIME = '/v1/realtime';

const GEMINI_VERBS = new Map<string, { protocol: Protocol; stream: boolean }>([
  ['generateContent', { protocol: gemini, stream: false }],
  ['streamGenerateContent', { protocol: gemini, stream: true }],
  ['countTokens', { protocol: geminiCountTokens, stream: false }],
  ['embedContent', { protocol: geminiEmbedContent, stream: false }],
  // The official SDK embeds with it also for one text.
  ['batchEmbedContents', { protocol: geminiEmbedContent, stream: false }],
]);

/** `/{version}/{collection}/{model}:{verb}`; the colon may be encoded, and a model's name may hold slashes. */
const GEMINI_CALL = /^(\/(?:v1|v1beta|v1alpha)\/(models|tunedModels)\/)(.+)(:|%3[Aa])([A-Za-z]+)$/;
const MODEL_LIST = /^\/(v1|v1beta|v1alpha)\/models$/;
const MODEL_ENTRY = /^\/(v1|v1beta|v1alpha)\/models\/(.*[^/])$/;

/**
 * Segments that some server on the way could read as others: empty, dots, encoded slashes and the like. Nothing of ours
 * has them, and the path that was judged must be the path that is asked for.
 */
const DOUBTFUL_PATH =
  /\/\/|[\\;?#\s]|\/(?:\.|%2[Ee]){1,2}(?:\/|$)|%(?![0-9A-Fa-f]{2})|%(?:2[Ff]|5[Cc]|25|3[Bb]|[01][0-9A-Fa-f]|7[Ff])/;

/** Whether some server on the way could read the path as another one. */
export function isDoubtful(path: string): boolean {
  return DOUBTFUL_PATH.test(path);
}

/** The protocol of an exchange as its record names it. Asking for an API without one is a bug. */
export function protocolFor(api: Api): Protocol {
  const protocol = BY_API.get(api);
  assert(protocol !== undefined, `a protocol for ${api}`);
  return protocol;
}

/**
 * What a request is for. `path` is as it came, undecoded and without the query; `header` takes lower-case names. Paths
 * are compared as they are: no other spelling of one is accepted.
 */
export function matchEndpoint(method: string, path: string, query: string, header: Header): Endpoint {
  // First: an ARN has a slash in it, which comes encoded.
  const bedrock = bedrockCall(path);
  if (bedrock !== undefined) return bedrockEndpoint(method, bedrock);

  if (!path.startsWith('/') || isDoubtful(path)) return unknown(path, header);

  const known = BODY_PATHS.get(path);
  if (known !== undefined) {
    const { protocol, upstreamPath } = known;
    const { dialect } = protocol;
    if (TURN_SOCKETS.has(protocol) && asksForSocket(method, header)) {
      return { kind: 'socket', of: 'turns', protocol, dialect, upstreamPath: upstreamPath ?? path };
    }
    if (method !== 'POST') return notPosted(method, dialect, header);
    return { kind: 'exchange', protocol, dialect, modelIn: 'body', upstreamPath: upstreamPath ?? path };
  }
  if (path === REALTIME && asksForSocket(method, header)) {
    const { dialect } = openaiRealtime;
    return { kind: 'socket', of: 'session', protocol: openaiRealtime, dialect, upstreamPath: path };
  }

  const stored = storedCall(method, path);
  if (stored !== undefined) return storedEndpoint(path, query, stored);

  const resource = resourceCall(method, path, query, header);
  if (resource !== undefined) return resourceEndpoint(path, resource);

  const vertex = vertexCall(path);
  if (vertex !== undefined) return vertexEndpoint(method, vertex, header);

  const call = GEMINI_CALL.exec(path);
  const verb = GEMINI_VERBS.get(call?.[5] ?? '');
  if (call !== null && verb !== undefined) return geminiCall(method, path, call, verb, header);
  // Another verb of Google's, which we do not offer; not a model with a colon in its name.
  if (call !== null && method === 'POST') return { kind: 'unknown', dialect: 'google' };

  const list = MODEL_LIST.exec(path);
  if (list !== null) {
    const dialect = modelListDialect(list[1] ?? '', query, header);
    return method === 'GET' ? { kind: 'models', dialect } : { kind: 'wrong_method', allow: 'GET', dialect };
  }
  const entry = MODEL_ENTRY.exec(path);
  const id = entry === null ? undefined : decoded(entry[2] ?? '');
  if (entry !== null && id !== undefined) {
    const dialect = modelListDialect(entry[1] ?? '', query, header);
    return method === 'GET' ? { kind: 'model', dialect, id } : { kind: 'wrong_method', allow: 'GET', dialect };
  }
  return unknown(path, header);
}

/** The upstream path of an exchange whose model is in the path, naming `model` instead: `provider/model` becomes `model`. */
export function pathWithModel(upstreamPath: string, model: string): string {
  const other = bedrockPathWithModel(upstreamPath, model) ?? vertexPathWithModel(upstreamPath, model);
  if (other !== undefined) return other;
  const call = GEMINI_CALL.exec(upstreamPath);
  if (call === null) return upstreamPath;
  const [, prefix = '', collection = '', , colon = '', verb = ''] = call;
  const name = collection === 'tunedModels' && model.startsWith(TUNED) ? model.slice(TUNED.length) : model;
  return `${prefix}${name.split('/').map(encodeURIComponent).join('/')}${colon}${verb}`;
}

/** A tuned model's name keeps its collection: it is none of the provider's `models/`. */
const TUNED = 'tunedModels/';

const CODEX = '/codex/';

function storedEndpoint(path: string, query: string, stored: StoredCall | { allow: string }): Endpoint {
  if ('allow' in stored) return { kind: 'wrong_method', allow: stored.allow, dialect: 'openai_responses' };
  const protocol = protocolFor(stored.api);
  return {
    kind: 'exchange',
    protocol,
    dialect: protocol.dialect,
    modelIn: 'response',
    responseId: stored.responseId,
    // A background response's stream is resumed by the query.
    stream: new URLSearchParams(query).get('stream') === 'true',
    upstreamPath: path.startsWith(CODEX) ? path.slice(CODEX.length - 1) : path,
  };
}

function resourceEndpoint(path: string, resource: ResourceCall | { allow: string; dialect: Dialect }): Endpoint {
  if ('allow' in resource) return { kind: 'wrong_method', ...resource };
  const protocol = protocolFor(resource.endpoint.api);
  const { dialect } = protocol;
  return { kind: 'exchange', protocol, dialect, modelIn: 'none', resource, stream: false, upstreamPath: path };
}

function geminiCall(
  method: string,
  path: string,
  call: RegExpExecArray,
  verb: { protocol: Protocol; stream: boolean },
  header: Header,
): Endpoint {
  const { protocol, stream } = verb;
  const name = decoded(call[3] ?? '');
  if (name === undefined) return { kind: 'unknown', dialect: 'google' };
  if (method !== 'POST') return notPosted(method, protocol.dialect, header);
  return {
    kind: 'exchange',
    protocol,
    dialect: protocol.dialect,
    modelIn: 'path',
    model: call[2] === 'tunedModels' ? TUNED + name : name,
    stream,
    upstreamPath: path,
  };
}

function vertexEndpoint(method: string, { api, model, stream, upstreamPath }: VertexCall, header: Header): Endpoint {
  const protocol = protocolFor(api);
  const { dialect } = protocol;
  if (method !== 'POST') return notPosted(method, dialect, header);
  if (model === undefined) return { kind: 'exchange', protocol, dialect, modelIn: 'body', upstreamPath };
  const name = decoded(model);
  if (name === undefined) return { kind: 'unknown', dialect };
  return { kind: 'exchange', protocol, dialect, modelIn: 'path', model: name, stream, upstreamPath };
}

function bedrockEndpoint(method: string, { api, model, stream, upstreamPath }: BedrockCall): Endpoint {
  const protocol = protocolFor(api);
  const { dialect } = protocol;
  if (method !== 'POST') return { kind: 'wrong_method', allow: 'POST', dialect };
  return { kind: 'exchange', protocol, dialect, modelIn: 'path', model, stream, upstreamPath };
}

function notPosted(method: string, dialect: Dialect, header: Header): Endpoint {
  // Codex tries a socket first: told so plainly, it falls back at once (failure mode 31).
  if (asksForSocket(method, header)) return { kind: 'upgrade', dialect };
  return { kind: 'wrong_method', allow: 'POST', dialect };
}

function asksForSocket(method: string, header: Header): boolean {
  return method === 'GET' && header('upgrade')?.toLowerCase() === 'websocket';
}

/** As for a name in a body (`body-scan.ts`). */
const MODEL_CHARACTERS = 256;

/** A name out of a path; undefined where it is none. What else would be doubtful was refused before. */
function decoded(name: string): string | undefined {
  try {
    const text = decodeURIComponent(name);
    return text.length <= MODEL_CHARACTERS && !/\p{Cc}/u.test(text) ? text : undefined;
  } catch {
    // Not valid UTF-8.
    return undefined;
  }
}

/** Three dialects share `/v1/models` (wire-formats.md, section 2). */
function modelListDialect(version: string, query: string, header: Header): Dialect {
  if (version !== 'v1') return 'google';
  if (header('anthropic-version') !== undefined) return 'anthropic';
  return speaksGoogle(header) || /(?:^|&)key=/.test(query) ? 'google' : 'openai';
}

function speaksGoogle(header: Header): boolean {
  return header('x-goog-api-key') !== undefined || header('x-goog-api-client') !== undefined;
}

const DIALECT_BY_PREFIX: readonly [string, Dialect][] = [
  ['/v1/messages', 'anthropic'],
  ['/anthropic/', 'anthropic'],
  ['/v1/responses', 'openai_responses'],
  ['/codex/', 'openai_responses'],
  ['/v1beta/', 'google'],
  ['/v1alpha/', 'google'],
  ['/v1beta1/', 'google'],
  ['/v1/projects/', 'google'],
  ['/upload/', 'google'],
  ['/v1/', 'openai'],
  ['/openai/', 'openai'],
];

/** A path that we do not serve: the best guess at whose client it is, so that it can show our error. */
function unknown(path: string, header: Header): Endpoint {
  // Before the headers: Claude's clients send Anthropic's to Bedrock as well.
  if (isBedrockPath(path)) return { kind: 'unknown', dialect: 'aws' };
  if (isVertexPath(path)) return { kind: 'unknown', dialect: 'google' };
  if (header('anthropic-version') !== undefined) return { kind: 'unknown', dialect: 'anthropic' };
  if (speaksGoogle(header)) return { kind: 'unknown', dialect: 'google' };
  const dialect = DIALECT_BY_PREFIX.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'plain';
  return { kind: 'unknown', dialect };
}
