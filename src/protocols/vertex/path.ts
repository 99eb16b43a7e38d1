import type { Api } from '../../contract/api.ts';

/** What a path of Vertex asks for. */
export interface VertexCall {
  api: Extract<Api, `google_${string}`>;
  /** As it stands in the path; undefined where the body names it. */
  model: string | undefined;
  stream: boolean;
  /** Without project and location: those are the operator's to say. */
  upstreamPath: string;
}

/** Where a provider's models are asked for, by its config. */
export interface VertexPlace {
  project: string;
  location: string;
}

/**
 * With a project and a location, or without (express mode); the version is missing where a client's base URL has none. A
 * model's name may hold slashes (`provider/model`), and the colon can arrive encoded.
 */
const CALL =
  /^(?:\/(v1|v1beta1))?(?:\/projects\/[^/]+\/locations\/[^/]+)?\/publishers\/(google|anthropic)\/models\/(.+)(:|%3[Aa])([A-Za-z]+)$/;

const VERBS: ReadonlyMap<string, Pick<VertexCall, 'api' | 'stream'>> = new Map<
  string,
  Pick<VertexCall, 'api' | 'stream'>
>([
  ['google generateContent', { api: 'google_generate_content', stream: false }],
  ['google streamGenerateContent', { api: 'google_generate_content', stream: true }],
  ['google countTokens', { api: 'google_count_tokens', stream: false }],
  ['anthropic rawPredict', { api: 'google_raw_predict', stream: false }],
  ['anthropic streamRawPredict', { api: 'google_raw_predict', stream: true }],
]);

/** Stands where a model would, and counts for the model that the body names. */
const COUNTING = 'count-tokens';

/** Undefined for anything else, also for verbs that we do not offer. `path` was judged to be plain. */
export function vertexCall(path: string): VertexCall | undefined {
  const [, version = 'v1', publisher = '', model = '', colon = '', verb = ''] = CALL.exec(path) ?? [];
  const found = VERBS.get(`${publisher} ${verb}`);
  if (found === undefined) return undefined;
  const upstreamPath = `/${version}/publishers/${publisher}/models/${model}${colon}${verb}`;
  if (found.api !== 'google_raw_predict' || model !== COUNTING) return { ...found, model, upstreamPath };
  return { api: 'google_raw_count_tokens', model: undefined, stream: false, upstreamPath };
}

/** Whether a path is Vertex', served or not. */
export function isVertexPath(path: string): boolean {
  return CALL.test(path);
}

/** The same call of another model. Undefined where the path is no such call. */
export function vertexPathWithModel(path: string, model: string): string | undefined {
  const [, version = 'v1', publisher = '', , colon = '', verb = ''] = CALL.exec(path) ?? [];
  if (verb === '') return undefined;
  const name = model.split('/').map(encodeURIComponent).join('/');
  return `/${version}/publishers/${publisher}/models/${name}${colon}${verb}`;
}

const VERSION = /^\/(v1|v1beta1)(?=\/publishers\/)/;

/** The call where the provider's models are. Whatever is no call of Vertex stays as it is. */
export function vertexPathAt(path: string, { project, location }: VertexPlace): string {
  return path.replace(
    VERSION,
    (version) => `${version}/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(location)}`,
  );
}

/** The model in a path of Vertex, decoded; null where it names none. */
export function vertexModel(path: string): string | null {
  const model = vertexCall(path)?.model;
  if (model === undefined) return null;
  try {
    return decodeURIComponent(model);
  } catch {
    // Not ours to repair; the path was judged where it came in.
    return model;
  }
}
