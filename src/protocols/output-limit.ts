import type { Api } from '../contract/api.ts';
import type { BodyFields } from '../contract/messages.ts';
import type { OutputLimit } from '../contract/output-limit.ts';
import { holds, inputReach } from './input-reach.ts';
import { textBytesOf } from './media-limit.ts';
import { isNamed, membersOf, stringValue } from './json-walk.ts';
import { promptsOf } from './openai-completions/prompts.ts';
import { PROTOCOLS } from './registry.ts';

/** The members that limit one answer, by API: another API's member is ignored there, or refused. */
const LIMITS: Partial<Record<Api, readonly string[]>> = {
  openai_chat: ['max_tokens', 'max_completion_tokens'],
  openai_text_completions: ['max_tokens'],
  openai_responses: ['max_output_tokens'],
  anthropic_messages: ['max_tokens'],
  google_raw_predict: ['max_tokens'],
  // Of the vendors' bodies; each refuses the others' words.
  bedrock_model_invoke: ['max_tokens', 'max_gen_len', 'max_tokens_to_sample'],
};

/** The most that a response of a Realtime session has, where the session asks for no less. */
const REALTIME_OUTPUT_TOKENS = 4096;

/** Answers of such a request have no tokens, and each of its texts goes to the model by itself. */
const TEXTLESS: ReadonlySet<Api> = new Set<Api>([
  'openai_embeddings',
  'gemini_embed_content',
  'openai_moderations',
  'rerank',
]);

/**
 * Members that only bodies of embedding models have: those of others are refused with one. InvokeModel's path does not
 * say what it is for, and a text alone (`inputText`) may be either.
 */
const EMBEDDING_MEMBERS = ['dimensions', 'normalize', 'embeddingTypes', 'embedding_types', 'embeddingConfig'];

function asksToEmbed({ spans }: BodyFields): boolean {
  if (spans['messages'] !== undefined || spans['prompt'] !== undefined) return false;
  return EMBEDDING_MEMBERS.some((key) => spans[key] !== undefined);
}

/** What costs nothing: counts, and all about a response that was paid for by the request that made it. */
const FREE: ReadonlySet<Api> = new Set(PROTOCOLS.filter(({ billable }) => billable !== true).map(({ api }) => api));

/** Claude is served in fast mode only where `speed` asks for it; other providers decide by a setting of the account. */
const FAST_WHEN_ASKED: ReadonlySet<Api> = new Set<Api>(['anthropic_messages', 'google_raw_predict']);

/** Providers refuse far fewer; more would be a number that no arithmetic is proof against. */
const ANSWERS_MAX = 1_000_000;

/** The most that Gemini gives at once. */
const CANDIDATES_MAX = 8;

/** A longer number is none that anybody means. */
const NUMBER_BYTES = 32;

/** A `generationConfig` beyond it holds a schema that is not worth the walk on the main thread. */
const CONFIG_BYTES = 64 * 1024;

/**
 * What a scanned body says of how much may come back. Reads only the members whose place the scanner noted, and parses
 * none but small ones; `input()` looks further, when asked. Where a word is doubtful, the dearer reading is taken.
 *
 * @param decoded the bytes that were scanned; to be unchanged until `input()` was asked for the last time.
 */
export function outputLimitOf(api: Api, decoded: Uint8Array, fields: BodyFields): OutputLimit {
  const embeds = TEXTLESS.has(api) || (api === 'bedrock_model_invoke' && asksToEmbed(fields));
  const config = generationConfig(api, decoded, fields);
  const prompts = api === 'openai_text_completions' ? promptsOf(decoded, fields) : 1;
  return {
    billed: !FREE.has(api),
    bodyBytes: textBytesOf(fields, decoded.byteLength),
    manyInputs: embeds || prompts > 1,
    maxOutputTokens: embeds
      ? 0
      : isBedrock(api)
        ? bedrockLimit(api, decoded, fields)
        : api === 'openai_realtime'
          ? REALTIME_OUTPUT_TOKENS
          : (config?.maxOutputTokens ?? topLevelLimit(api, decoded, fields)),
    answers: config?.answers ?? Math.min(prompts * topLevelAnswers(api, decoded, fields), ANSWERS_MAX),
    otherModels: fields.otherModels,
    fast: !FAST_WHEN_ASKED.has(api) || fields.spans['speed'] !== undefined,
    input: () => inputReach(api, decoded, fields),
  };
}

/** Of two limits the laxer: servers differ in which of them they obey. */
function topLevelLimit(api: Api, decoded: Uint8Array, fields: BodyFields): number | undefined {
  return laxest(topLevelLimits(api, decoded, fields));
}

function topLevelLimits(api: Api, decoded: Uint8Array, fields: BodyFields): Limit[] {
  const said = (LIMITS[api] ?? []).map((key) => fields.spans[key]);
  return said.map((span) => span && limitAt(decoded, span.valueStart, span.valueEnd));
}

/** Limits of Converse and Nova, and of Titan, stand one level deeper. */
const BEDROCK_CONFIGS: [string, readonly string[]][] = [
  ['inferenceConfig', ['maxTokens', 'max_new_tokens']],
  ['textGenerationConfig', ['maxTokenCount']],
];

function isBedrock(api: Api): boolean {
  return api === 'bedrock_converse' || api === 'bedrock_model_invoke';
}

/** Members that Converse hands on to the model may set another limit, by the vendor's word for it. */
function bedrockLimit(api: Api, decoded: Uint8Array, fields: BodyFields): number | undefined {
  const more = fields.spans['additionalModelRequestFields'];
  if (more !== undefined && holds(decoded, more.valueStart, more.valueEnd, LIMIT_WORD)) return undefined;
  const inConfigs = BEDROCK_CONFIGS.flatMap(([key, names]): Limit[] => {
    const span = fields.spans[key];
    if (span === undefined || decoded[span.valueStart] === LOWER_N) return [];
    if (decoded[span.valueStart] !== OPEN_BRACE || span.valueEnd - span.valueStart > CONFIG_BYTES) return ['unread'];
    return membersOf(decoded, span.valueStart)
      .filter((member) => names.some((name) => isNamed(decoded, member, name)))
      .map((at) => limitAt(decoded, at.valueStart, at.valueEnd));
  });
  return laxest([...topLevelLimits(api, decoded, fields), ...inConfigs]);
}

/** An escape may hide the word. A budget for thoughts is part of the limit, and no word of it. */
const LIMIT_WORD = /max|length|\\/i;

/** Members that ask for several answers: each says how many, so of two it is the larger. */
const ANSWERS: Partial<Record<Api, readonly string[]>> = {
  openai_chat: ['n'],
  openai_images: ['n'],
  // All that are written are paid for, also those that another was better than.
  openai_text_completions: ['n', 'best_of'],
};

function topLevelAnswers(api: Api, decoded: Uint8Array, fields: BodyFields): number {
  const asked = (ANSWERS[api] ?? []).map((key) => {
    const span = fields.spans[key];
    return span === undefined ? 1 : answersAt(decoded, span.valueStart, span.valueEnd, ANSWERS_MAX);
  });
  return Math.max(1, ...asked);
}

/** Gemini's limits stand one level deeper, where the scanner does not look: a name may be there twice, or in both spellings. */
function generationConfig(
  api: Api,
  decoded: Uint8Array,
  fields: BodyFields,
): { maxOutputTokens: number | undefined; answers: number } | undefined {
  if (api !== 'gemini_generate_content' && api !== 'google_generate_content') return undefined;
  const span = fields.spans['generationConfig'];
  if (span === undefined || decoded[span.valueStart] !== OPEN_BRACE) return { maxOutputTokens: undefined, answers: 1 };
  if (span.valueEnd - span.valueStart > CONFIG_BYTES) return { maxOutputTokens: undefined, answers: CANDIDATES_MAX };
  const members = membersOf(decoded, span.valueStart);
  const named = (...names: string[]): typeof members =>
    members.filter((member) => names.some((name) => isNamed(decoded, member, name)));
  return {
    maxOutputTokens: laxest(
      named('maxOutputTokens', 'max_output_tokens').map((at) => limitAt(decoded, at.valueStart, at.valueEnd)),
    ),
    answers: Math.max(
      1,
      ...named('candidateCount', 'candidate_count').map((at) =>
        answersAt(decoded, at.valueStart, at.valueEnd, ANSWERS_MAX),
      ),
    ),
  };
}

/** `unread`: something that some reader may take for another number, or for none. */
type Limit = number | 'unread' | undefined;

function laxest(limits: readonly Limit[]): number | undefined {
  const said = limits.filter((limit) => limit !== undefined);
  const numbers = said.filter((limit) => limit !== 'unread');
  return said.length === 0 || numbers.length < said.length ? undefined : Math.max(...numbers);
}

/** Undefined for null, which says nothing. Only a whole number limits: -1 and 0 mean "without end" to some servers. */
function limitAt(decoded: Uint8Array, start: number, end: number): Limit {
  if (decoded[start] === LOWER_N) return undefined;
  const value = numberAt(decoded, start, end);
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : 'unread';
}

/** A number in quotes counts: some servers read it. What no server reads as a number asks for one answer, or is refused. */
function answersAt(decoded: Uint8Array, start: number, end: number, most: number): number {
  if (end - start > NUMBER_BYTES) return most;
  const quoted = decoded[start] === QUOTE;
  const value = quoted ? Number(stringValue(decoded.subarray(start, end))) : (numberAt(decoded, start, end) ?? 1);
  return value > 1 ? Math.min(Math.ceil(value), most) : 1;
}

function numberAt(decoded: Uint8Array, start: number, end: number): number | undefined {
  const first = decoded[start] ?? 0;
  if (end - start > NUMBER_BYTES || (first !== MINUS && (first < DIGIT_0 || first > DIGIT_9))) return undefined;
  return Number(Buffer.from(decoded.buffer, decoded.byteOffset + start, end - start).toString('latin1'));
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const OPEN_BRACE = 0x7b;
const LOWER_N = 0x6e;
