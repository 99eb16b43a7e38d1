import type { Compatibility } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { VisibleModel } from './plan.ts';

/** What is known of a model beyond its name. What is absent is unknown. */
export interface ModelMetadata {
  displayName?: string | undefined;
  /** Milliseconds since the epoch. */
  createdAtMs?: number | undefined;
  contextWindowTokens?: number | undefined;
  maxOutputTokens?: number | undefined;
  /** Where it is to be had, of a model of OpenAI's that is none for texts. */
  endpoints?: readonly string[] | undefined;
  /** Dollars per token (a web search: per call) as decimal strings, under Aperture's names. */
  pricing?: ModelPricing | undefined;
}

export interface ModelPricing {
  input?: string | undefined;
  output?: string | undefined;
  input_cache_read?: string | undefined;
  input_cache_write?: string | undefined;
  input_cache_write_1h?: string | undefined;
  web_search?: string | undefined;
}

/** Prices and limits come from outside; a caller who may not see prices gets a lookup that has none. */
export type MetadataLookup = (provider: string, model: string) => ModelMetadata | undefined;

/** The path where a model is to be had in a format, as a client calls it here. */
const ENDPOINTS: Record<Compatibility, string> = {
  openai_chat: '/v1/chat/completions',
  openai_responses: '/v1/responses',
  anthropic_messages: '/v1/messages',
  gemini_generate_content: '/v1beta/models/{model}:generateContent',
  google_generate_content:
    '/v1/projects/{project}/locations/{region}/publishers/{publisher}/models/{model}:generateContent',
  google_raw_predict: '/v1/projects/{project}/locations/{region}/publishers/{publisher}/models/{model}:rawPredict',
  bedrock_model_invoke: '/bedrock/model/{model}/invoke',
  bedrock_converse: '/bedrock/model/{model}/converse',
};

/** `GET /v1/models` in OpenAI's shape, with Aperture's members (aperture.md, section 3.4). */
export function openaiModels(models: readonly VisibleModel[], info: MetadataLookup): unknown {
  return { object: 'list', data: models.map((model) => openaiModel(model, info)) };
}

export function openaiModel(model: VisibleModel, lookup: MetadataLookup): unknown {
  const { id, provider } = model;
  const info = lookup(provider.id, id);
  return {
    id,
    object: 'model',
    // OpenAI's schema wants a number; zero is the epoch, and says that it is not known.
    created: Math.floor((info?.createdAtMs ?? 0) / 1000),
    owned_by: provider.id,
    metadata: {
      provider: {
        id: provider.id,
        name: provider.name,
        description: provider.description,
        requires_client_auth: provider.authMode === 'passthrough',
      },
    },
    supported_endpoints: info?.endpoints ?? model.compatibility.map((flag) => ENDPOINTS[flag]),
    ...present({
      pricing: info?.pricing === undefined ? undefined : present({ ...info.pricing }),
      context_window_tokens: info?.contextWindowTokens,
      max_output_tokens: info?.maxOutputTokens,
    }),
  };
}

/** Anthropic's documented page sizes. */
const ANTHROPIC_PAGE = 20;
const ANTHROPIC_PAGE_MOST = 1000;

/** `GET /v1/models` in Anthropic's shape. Takes the query: `limit`, `after_id`, `before_id`. */
export function anthropicModels(
  models: readonly VisibleModel[],
  info: MetadataLookup,
  query: string,
): Result<unknown, Fault> {
  const parameters = new URLSearchParams(query);
  const limit = pageSize(parameters, 'limit', ANTHROPIC_PAGE);
  if (limit === undefined || limit < 1 || limit > ANTHROPIC_PAGE_MOST) {
    return badParameter('limit', `must be a whole number from 1 to ${ANTHROPIC_PAGE_MOST}`);
  }
  const after = placeOf(models, parameters.get('after_id'));
  const before = placeOf(models, parameters.get('before_id'));
  if (after === undefined) return badParameter('after_id', 'names no model of this list');
  if (before === undefined) return badParameter('before_id', 'names no model of this list');
  // Backwards, the page is the last one before the cursor.
  const end = before === NOWHERE ? models.length : before;
  const start = after === NOWHERE ? 0 : after + 1;
  const from = before === NOWHERE ? start : Math.max(start, end - limit);
  const page = models.slice(from, Math.min(end, from + limit));
  const hasMore = before === NOWHERE ? from + page.length < end : from > start;
  return ok({
    data: page.map((model) => anthropicModel(model, info)),
    has_more: hasMore,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  });
}

export function anthropicModel(model: VisibleModel, lookup: MetadataLookup): unknown {
  const info = lookup(model.provider.id, model.id);
  return {
    type: 'model',
    id: model.id,
    display_name: info?.displayName ?? model.id,
    // Anthropic documents the epoch for a model whose release date is unknown.
    created_at: new Date(info?.createdAtMs ?? 0).toISOString().replace('.000Z', 'Z'),
  };
}

/** Google's documented page sizes; more is cut to the most, and not refused. */
const GEMINI_PAGE = 50;
const GEMINI_PAGE_MOST = 1000;

/** `GET /v1beta/models` in Gemini's shape. Takes the query: `pageSize`, `pageToken`. */
export function geminiModels(
  models: readonly VisibleModel[],
  info: MetadataLookup,
  query: string,
): Result<unknown, Fault> {
  const parameters = new URLSearchParams(query);
  const asked = pageSize(parameters, 'pageSize', GEMINI_PAGE);
  if (asked === undefined) return badParameter('pageSize', 'must be a whole number');
  // Google reads zero as "not given".
  const limit = Math.min(asked === 0 ? GEMINI_PAGE : asked, GEMINI_PAGE_MOST);
  const token = parameters.get('pageToken');
  const after = placeOf(models, token === null || token === '' ? null : Buffer.from(token, 'base64url').toString());
  if (after === undefined) return badParameter('pageToken', 'was not given out by this list');
  const start = after === NOWHERE ? 0 : after + 1;
  const page = models.slice(start, start + limit);
  const last = page.at(-1);
  const more = last !== undefined && start + page.length < models.length;
  return ok({
    models: page.map((model) => geminiModel(model, info)),
    ...(more ? { nextPageToken: Buffer.from(last.id).toString('base64url') } : {}),
  });
}

export function geminiModel(model: VisibleModel, lookup: MetadataLookup): unknown {
  const info = lookup(model.provider.id, model.id);
  return {
    name: `models/${model.id}`,
    displayName: info?.displayName ?? model.id,
    ...present({ inputTokenLimit: info?.contextWindowTokens, outputTokenLimit: info?.maxOutputTokens }),
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  };
}

/** No cursor was given. */
const NOWHERE = -1;

/** Undefined: the cursor names nothing of this list. */
function placeOf(models: readonly VisibleModel[], id: string | null): number | undefined {
  if (id === null) return NOWHERE;
  const at = models.findIndex((model) => model.id === id);
  return at < 0 ? undefined : at;
}

function pageSize(parameters: URLSearchParams, name: string, otherwise: number): number | undefined {
  const text = parameters.get(name);
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function badParameter(name: string, why: string): Result<never, Fault> {
  return failed({ code: 'bad_parameter', name, why });
}

/** Without the members that are not known: an absent member says so, a null would be a value. */
function present(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
