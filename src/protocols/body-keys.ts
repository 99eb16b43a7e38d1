import type { Api } from '../contract/api.ts';

/**
 * The members of a body's top level that routing, money or policy use. One of them that stands twice is refused: what a
 * request can cost is read from them before it is sent (`output-limit.ts`), and the provider might read the other one.
 */
const USED_KEYS = [
  'model',
  'models',
  'fallbacks',
  'route',
  'provider',
  'stream',
  'stream_options',
  // Of speech: whether it comes as events.
  'stream_format',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'service_tier',
  'speed',
  'metadata',
  'user',
  'prompt_cache_key',
  'previous_response_id',
  'conversation',
  'background',
  'store',
  'tools',
  'plugins',
  'messages',
  'input',
  'system',
  'instructions',
  'contents',
  'systemInstruction',
  'generationConfig',
  'cachedContent',
  'generateContentRequest',
  'requests',
  'safety_identifier',
  'thinking',
  'web_search_options',
  'search_parameters',
  'context_management',
  'mcp_servers',
  'container',
  'thread',
  'previous_message_id',
  'prompt',
  'preset',
  'extra_body',
  'toolConfig',
  'inferenceConfig',
  'textGenerationConfig',
  'max_gen_len',
  'max_tokens_to_sample',
  'additionalModelRequestFields',
  'promptVariables',
  'dimensions',
  'normalize',
  'embeddingTypes',
  'embedding_types',
  'embeddingConfig',
  // Of texts that go on, and of reranking.
  'best_of',
  'logprobs',
  'prompt_embeds',
  'query',
  'documents',
  // Of Realtime's messages.
  'session',
  'response',
];

/** The JSON form of Google's protocol buffers reads both spellings of a name as one field. */
const GOOGLE_SPELLINGS: [string, string][] = [
  ['system_instruction', 'systemInstruction'],
  ['generation_config', 'generationConfig'],
  ['cached_content', 'cachedContent'],
  ['generate_content_request', 'generateContentRequest'],
  ['serviceTier', 'service_tier'],
];

const CANONICAL = new Map([...USED_KEYS.map((key): [string, string] => [key, key]), ...GOOGLE_SPELLINGS]);
const CANONICAL_FOLDED = new Map([...CANONICAL].map(([key, canonical]): [string, string] => [fold(key), canonical]));

/** The longest way to write a used key: each character as a `\uXXXX` escape, and the quotes. */
export const KEY_BYTES = 6 * Math.max(...[...CANONICAL.keys()].map((key) => key.length)) + 2;

/**
 * Letters as a reader compares them that ignores case. Go's `encoding/json` is one, and many servers are written in
 * Go: the long s and the Kelvin sign count as s and k there.
 */
export function fold(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's');
}

/** A key as the scanner files it: `exact` is false for a spelling that only some readers take for the used key. */
export function usedKey(key: string): { key: string; exact: boolean } | undefined {
  const exact = CANONICAL.get(key);
  if (exact !== undefined) return { key: exact, exact: true };
  const folded = CANONICAL_FOLDED.get(fold(key));
  return folded === undefined ? undefined : { key: folded, exact: false };
}

/** Where models are named below a top-level member. */
export interface ModelPlaces {
  /** The member is an array whose elements may be names. */
  names: boolean;
  /** Depth of the objects whose `model` is a name: 2 for the member's own value, 3 for its elements; or at any depth. */
  objectDepth: 2 | 3 | 'any';
}

const LISTS: ModelPlaces = { names: true, objectDepth: 3 };

/**
 * Tools that the provider runs name a model in the tool (`image_generation`, Anthropic's advisor), in its parameters
 * (OpenRouter's advisor), or in a tool of such a tool.
 */
const ANYWHERE: ModelPlaces = { names: false, objectDepth: 'any' };

/** The members below which a body can select further models. */
export function modelPlaces(api: Api, key: string): ModelPlaces | undefined {
  switch (key) {
    // OpenRouter's list of models to try, Anthropic's fallbacks (beta).
    case 'models':
    case 'fallbacks':
      return LISTS;
    // OpenRouter's plugins are tools that are always used.
    case 'tools':
    case 'plugins':
      return ANYWHERE;
    // Realtime: of the session, of one response, and of what writes down what is said.
    case 'session':
    case 'response':
      return api === 'openai_realtime' ? ANYWHERE : undefined;
    // Gemini: a whole request inside a count, and a batch of embeddings.
    case 'generateContentRequest':
      return isGemini(api) ? { names: false, objectDepth: 2 } : undefined;
    case 'requests':
      return isGemini(api) ? { names: false, objectDepth: 3 } : undefined;
    default:
      return undefined;
  }
}

/**
 * Members of a JSON schema whose value describes arguments or is an example of one: a `model` in there is a client's own
 * word for something, and selects nothing.
 */
export const IN_SCHEMAS: ReadonlySet<string> = new Set([
  'properties',
  '$defs',
  'definitions',
  'default',
  'examples',
  'input_schema',
]);

export function isGemini(api: Api): boolean {
  return (
    api === 'gemini_generate_content' ||
    api === 'gemini_count_tokens' ||
    api === 'gemini_embed_content' ||
    api === 'google_count_tokens' ||
    api === 'google_generate_content'
  );
}
