import type { Api } from '../../contract/api.ts';

/** What a path of Bedrock's runtime asks for. */
export interface BedrockCall {
  api: Extract<Api, `bedrock_${string}`>;
  /** Decoded. */
  model: string;
  stream: boolean;
  /** Without the prefix that is ours. */
  upstreamPath: string;
}

const VERBS: ReadonlyMap<string, { api: BedrockCall['api']; stream: boolean }> = new Map([
  ['converse', { api: 'bedrock_converse', stream: false }],
  ['converse-stream', { api: 'bedrock_converse', stream: true }],
  ['invoke', { api: 'bedrock_model_invoke', stream: false }],
  ['invoke-with-response-stream', { api: 'bedrock_model_invoke', stream: true }],
  ['count-tokens', { api: 'bedrock_count_tokens', stream: false }],
]);

/** Aperture's prefix, by which its clients reach Bedrock; AWS's SDK has none. */
const CALL = /^(?:\/bedrock)?(\/model\/(.+)\/([a-z-]+))$/;

/**
 * Ids of models, inference profiles and ARNs, also with a provider in front. No segment begins with a dot, none is empty:
 * slashes come encoded or not, and no spelling of a name leads to another path.
 */
const MODEL = /^[A-Za-z0-9](?:[\w.:-]|\/(?=[A-Za-z0-9]))*$/;

/** As for a name in a body (`body-scan.ts`). */
const MODEL_CHARACTERS = 256;

/** Undefined for anything else, also for what Bedrock has and we do not offer. `path` is as it came, without the query. */
export function bedrockCall(path: string): BedrockCall | undefined {
  const [, upstreamPath = '', name = '', verb = ''] = CALL.exec(path) ?? [];
  const found = VERBS.get(verb);
  const model = decoded(name);
  if (found === undefined || model.length > MODEL_CHARACTERS || !MODEL.test(model)) return undefined;
  return { ...found, model, upstreamPath };
}

/** The same call of another model, whose name is written as AWS's SDK does. Undefined where the path is no such call. */
export function bedrockPathWithModel(path: string, model: string): string | undefined {
  const verb = bedrockCall(path) === undefined ? undefined : path.slice(path.lastIndexOf('/'));
  return verb === undefined ? undefined : `/model/${encodeURIComponent(model)}${verb}`;
}

/** Whether a path is Bedrock's, served or not. */
export function isBedrockPath(path: string): boolean {
  return /^\/(?:bedrock|model|guardrail|guardrails|async-invoke|inference-profiles|foundation-models)(?:\/|$)/.test(
    path,
  );
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    // Not valid UTF-8: no name that a provider has.
    return '';
  }
}
