import type { Api } from '../../contract/api.ts';

/** Where a text of a request stands, as verdicts name it. */
export type Place = 'system' | 'user' | 'assistant' | 'tool_call' | 'tool_result' | 'thinking' | 'tools' | 'other';

/**
 * Strings that are no texts, and why. Each kind is passed over only where the value looks as such a value does, so that
 * nothing else leaves in its place; all other strings of a body are read, whatever member they stand in.
 *
 * | kind       | members                                       | why it is not read                                   |
 * |------------|-----------------------------------------------|------------------------------------------------------|
 * | `word`     | models, ids, names of tools                   | a reference: a change would break what it refers to  |
 * | `enum`     | roles, types, options, JSON schemas           | one of the API's own words, up to 32 characters      |
 * | `base64`   | `data` of media, image results                | bytes of an image, a sound, a file: no text          |
 * | `data_url` | `image_url`, `file_data`, where they hold data | the same, as a URL                                   |
 * | `sealed`   | `data` of redacted thinking                   | as `opaque`; elsewhere `data` is a text              |
 * | `opaque`   | signatures, encrypted contents                | nobody but the provider can read or make them        |
 */
export type Skip = 'word' | 'enum' | 'base64' | 'data_url' | 'sealed' | 'opaque';

/** What is known of a place in a body. The elements of a list stand where the list stands. */
export interface Spot {
  /** `said`: as the message that it belongs to says. */
  place: Place | 'said';
  members?: ReadonlyMap<string, Spot>;
  /** Where members stand that have no spot of their own; missing: here. */
  rest?: Spot;
  skip?: Skip;
  /** The caller's own data: keys and long numbers are read too, and a key is context for its value. */
  data?: boolean;
  /** Objects here say in `role`, `type` and others what their texts are. */
  holder?: Holder['kind'];
}

const WORD: Spot = { place: 'other', skip: 'word' };
const ENUM: Spot = { place: 'other', skip: 'enum' };
const OPAQUE: Spot = { place: 'other', skip: 'opaque' };
const BASE64: Spot = { place: 'said', skip: 'base64' };
const TEXT: Spot = { place: 'said' };
/** Nobody knows these members: all in them is read. */
const UNKNOWN: Spot = { place: 'other', data: true };
const OPTIONS: Spot = { place: 'other', skip: 'enum', members: new Map([['model', WORD]]) };
const THINKING: Spot = { place: 'thinking' };
const CALL_TEXT: Spot = { place: 'tool_call' };
const CALL_DATA: Spot = { place: 'tool_call', data: true };
const RESULT_DATA: Spot = { place: 'tool_result', data: true };

const named = (names: string, spot: Spot): [string, Spot][] => names.split(' ').map((name) => [name, spot]);

const URLS: Spot = { place: 'said', skip: 'data_url', members: new Map(named('detail', ENUM)) };

const MEDIA: Spot = {
  place: 'said',
  members: new Map([
    ...named('data', BASE64),
    ...named('mimeType mime_type format', ENUM),
    ...named('file_data', URLS),
    ...named('file_id', WORD),
  ]),
};

const TOOLS: Spot = {
  place: 'tools',
  skip: 'enum',
  members: new Map(named('name model server_label mcp_server_name', WORD)),
};

const CALL: Spot = {
  place: 'tool_call',
  members: new Map([...named('name id', WORD), ...named('arguments', CALL_TEXT), ...named('input args', CALL_DATA)]),
  rest: UNKNOWN,
};

const GOOGLE_EXTRA: Spot = { place: 'other', members: new Map(named('thought_signature', OPAQUE)), rest: UNKNOWN };

const CALLS: Spot = {
  place: 'tool_call',
  members: new Map([
    ...named('id', WORD),
    ...named('type', ENUM),
    ...named('function custom', CALL),
    ...named('extra_content', { place: 'other', members: new Map(named('google', GOOGLE_EXTRA)), rest: UNKNOWN }),
  ]),
  rest: UNKNOWN,
};

const RESPONSE: Spot = {
  place: 'tool_result',
  members: new Map([...named('name id', WORD), ...named('response', RESULT_DATA), ...named('parts', MEDIA)]),
  rest: UNKNOWN,
};

const SOURCE: Spot = {
  place: 'said',
  holder: 'source',
  members: new Map([...named('type media_type', ENUM), ...named('data', BASE64), ...named('file_id id', WORD)]),
};

const CODE: Spot = { place: 'tool_call', members: new Map(named('language id', ENUM)) };
const CODE_RESULT: Spot = { place: 'tool_result', members: new Map(named('outcome id', ENUM)) };
const CITATIONS: Spot = {
  place: 'said',
  members: new Map([...named('type', ENUM), ...named('encrypted_index', OPAQUE), ...named('file_id', WORD)]),
};

const inPart: [string, Spot][] = [
  ...named('text thinking summary title context url uri refusal filename', TEXT),
  ...named('type role status', ENUM),
  ...named('id tool_use_id call_id name file_id server_name', WORD),
  ...named('signature encrypted_content encrypted_stdout thoughtSignature thought_signature', OPAQUE),
  ...named('data', { place: 'said', skip: 'sealed' }),
  ...named('input', CALL_DATA),
  ...named('source', SOURCE),
  ...named('image_url file_data', URLS),
  ...named('input_audio inlineData inline_data file', MEDIA),
  ...named('functionCall function_call', CALL),
  ...named('functionResponse function_response', RESPONSE),
  ...named('executableCode executable_code', CODE),
  ...named('codeExecutionResult code_execution_result', CODE_RESULT),
  ...named('citations annotations', CITATIONS),
  ...named('cache_control', OPTIONS),
];
const partMembers = new Map<string, Spot>(inPart);
const PART: Spot = { place: 'said', holder: 'part', members: partMembers, rest: UNKNOWN };
// Results of tools hold parts of their own.
partMembers.set('content', PART);

// Bedrock's Converse, and Nova's own body: what a part is, its only member tells.
const STORED: Spot = { place: 'said', members: new Map([...named('uri', TEXT), ...named('bucketOwner', WORD)]) };
const BLOB: Spot = {
  place: 'said',
  members: new Map([...named('bytes', BASE64), ...named('s3Location', STORED), ...named('text content', PART)]),
};
const FILE: Spot = { place: 'said', members: new Map([...named('format', ENUM), ...named('source', BLOB)]) };
const RESULT_FILE: Spot = { ...FILE, place: 'tool_result' };
const USE: Spot = {
  place: 'tool_call',
  members: new Map([...named('toolUseId name', WORD), ...named('type', ENUM), ...named('input', CALL_DATA)]),
  rest: UNKNOWN,
};
const RESULT_TEXT: Spot = { place: 'tool_result' };
const RESULT_PART: Spot = {
  place: 'tool_result',
  members: new Map([
    ...named('text', RESULT_TEXT),
    ...named('json', RESULT_DATA),
    ...named('image document video', RESULT_FILE),
  ]),
  rest: UNKNOWN,
};
const USE_RESULT: Spot = {
  place: 'tool_result',
  members: new Map([...named('toolUseId', WORD), ...named('status type', ENUM), ...named('content', RESULT_PART)]),
  rest: UNKNOWN,
};
const THOUGHT: Spot = {
  place: 'said',
  holder: 'thought',
  members: new Map([...named('text', TEXT), ...named('signature', OPAQUE)]),
  rest: UNKNOWN,
};
const THOUGHTS_CONTENT: Spot = {
  place: 'said',
  members: new Map([...named('reasoningText', THOUGHT), ...named('redactedContent', OPAQUE)]),
  rest: UNKNOWN,
};
const bedrockMembers: [string, Spot][] = [
  ...named('image document video audio', FILE),
  ...named('toolUse', USE),
  ...named('toolResult', USE_RESULT),
  ...named('reasoningContent', THOUGHTS_CONTENT),
  ...named('cachePoint', OPTIONS),
];
for (const [name, spot] of bedrockMembers) partMembers.set(name, spot);

const systemMembers = new Map<string, Spot>(named('role type', ENUM));
const SYSTEM: Spot = { place: 'system', members: systemMembers, rest: UNKNOWN };
for (const name of ['text', 'parts', 'content']) systemMembers.set(name, SYSTEM);
systemMembers.set('cache_control', OPTIONS);
systemMembers.set('cachePoint', OPTIONS);
systemMembers.set('citations', CITATIONS);

const MESSAGE: Spot = {
  place: 'said',
  holder: 'message',
  members: new Map([
    ...named('role type', ENUM),
    ...named('content parts', PART),
    ...named('name refusal', TEXT),
    ...named('id tool_call_id', WORD),
    ...named('tool_calls', CALLS),
    ...named('function_call', CALL),
    ...named('reasoning_content reasoning', THINKING),
    ...named('reasoning_details', { ...PART, place: 'thinking' }),
    ...named('cache_control', OPTIONS),
    ...named('annotations', CITATIONS),
  ]),
  rest: UNKNOWN,
};

/** Of the Responses API: messages, calls, results and reasoning in one list. */
const ITEM: Spot = {
  place: 'said',
  holder: 'message',
  members: new Map([
    ...named('role type status phase', ENUM),
    ...named('content summary', PART),
    ...named('id call_id name server_label approval_request_id container_id namespace', WORD),
    ...named('encrypted_content', OPAQUE),
    ...named('arguments input code', CALL_TEXT),
    ...named('action operation queries', CALL_DATA),
    ...named('output outputs', PART),
    ...named('results', RESULT_DATA),
    ...named('result', { place: 'tool_result', skip: 'base64' }),
    ...named('tools', TOOLS),
    // Of a moderation.
    ...named('image_url', URLS),
  ]),
  rest: UNKNOWN,
};

const topMembers = new Map<string, Spot>([
  ...named('model models', WORD),
  ...named('messages contents content', MESSAGE),
  ...named('input', ITEM),
  ...named('system instructions systemInstruction system_instruction', SYSTEM),
  ...named('tools functions plugins', TOOLS),
  ...named('prompt', { place: 'user', members: new Map(named('id version', WORD)), data: true }),
  ...named('prediction', { place: 'assistant', members: new Map(named('type', ENUM)) }),
  ...named('previous_response_id previous_message_id conversation thread cachedContent cached_content', WORD),
  ...named('fallbacks generationConfig generation_config response_format text reasoning reasoning_effort', OPTIONS),
  ...named('thinking output_config output_format tool_choice function_call', OPTIONS),
  ...named('toolConfig tool_config', TOOLS),
  ...named('stream_options modalities audio include truncation verbosity service_tier serviceTier speed', OPTIONS),
  ...named('safetySettings safety_settings context_management cache_control prompt_cache_retention', OPTIONS),
  ...named('prompt_cache_options encoding_format taskType task_type anthropic_version anthropic_beta', OPTIONS),
  ...named('inferenceConfig textGenerationConfig guardrailConfig performanceConfig schemaVersion', OPTIONS),
  ...named('inputText texts', { place: 'user' }),
  // Of an image to be edited.
  ...named('image images mask', {
    place: 'said',
    skip: 'data_url',
    members: new Map([...named('image_url', URLS), ...named('file_id', WORD)]),
    rest: UNKNOWN,
  }),
  ...named('query documents', { place: 'user', data: true }),
  ...named('prompt_embeds', { place: 'user', skip: 'base64' }),
  ...named('web_search_options container mcp_servers route provider stop stop_sequences', OPTIONS),
]);

/** A body's top level. One table for all APIs: a member that an API does not have is read like one that it has. */
export const TOP: Spot = { place: 'other', members: topMembers, rest: UNKNOWN };
// Gemini: a whole request inside a count, and a batch of embeddings.
for (const name of ['generateContentRequest', 'generate_content_request', 'requests']) topMembers.set(name, TOP);

/** JSON text in the string of a call or a result. */
export const INNER: Readonly<Record<'tool_call' | 'tool_result', Spot>> = {
  tool_call: CALL_DATA,
  tool_result: RESULT_DATA,
};

/** What an object that holds texts says of them. `outer`: the one that it stands in. */
export interface Holder {
  kind: 'message' | 'part' | 'source' | 'thought';
  outer: Holder | undefined;
  role: string;
  type: string;
  /** A signature, or what only the provider can have made: its member. */
  seal: string;
  hasId: boolean;
  thought: boolean;
}

/** Members that seal the object that they stand in. */
export const SEALS: ReadonlySet<string> = new Set([
  'signature',
  'data',
  'encrypted_content',
  'thoughtSignature',
  'thought_signature',
]);

/**
 * Google's words for "do not check": who writes them into a part says that no signature covers it
 * (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
export const NO_SEALS: ReadonlySet<string> = new Set([
  'skip_thought_signature_validator',
  'context_engineering_is_the_way_to_go',
]);

/** Parts in parts: results of tools hold texts, and no API goes deeper. */
const HOLDERS_MAX = 8;

/** Where the texts of an object stand, and whether a signature covers them. */
export function heldIn(api: Api, holder: Holder | undefined): { place: Place; signed: boolean } {
  const chain: Holder[] = [];
  for (let at = holder; at !== undefined && chain.length < HOLDERS_MAX; at = at.outer) chain.push(at);
  const message = chain.find(({ kind }) => kind === 'message');
  const isModels = message !== undefined && (message.role === 'assistant' || message.role === 'model');
  const place = chain.map((each) => placeOfPart(api, each, isModels)).find((found) => found !== undefined);
  return {
    // A prompt may be a mere text, or a list of texts.
    place: place ?? (message === undefined ? 'user' : placeOfMessage(message)),
    signed: chain.some((each) => isSigned(api, each, isModels)),
  };
}

/** Only what the model said is its thought, or sealed: the same words in a user's message are the user's. */
function placeOfPart(api: Api, { kind, type, thought }: Holder, isModels: boolean): Place | undefined {
  if (kind === 'thought') return isModels && isBedrock(api) ? 'thinking' : undefined;
  if (kind !== 'part') return undefined;
  if (type.endsWith('tool_result')) return 'tool_result';
  return isModels && (thought || THOUGHTS.test(type)) ? 'thinking' : undefined;
}

/** Anthropic's blocks, and OpenRouter's details of other providers' reasoning in a chat. */
const THOUGHTS = /^(?:thinking|redacted_thinking|reasoning\..*)$/;

function placeOfMessage({ role, type }: Holder): Place {
  switch (role) {
    case 'system':
    case 'developer':
      return 'system';
    case 'user':
      return 'user';
    case 'assistant':
    case 'model':
      return 'assistant';
    case 'tool':
    case 'function':
      return 'tool_result';
    default:
      if (type === 'reasoning') return 'thinking';
      if (type.endsWith('_output')) return 'tool_result';
      if (type.endsWith('_call')) return 'tool_call';
      // Gemini's contents may leave the role out.
      return role === '' && type === '' ? 'user' : 'other';
  }
}

/** A `data` that only the provider can have made. */
export function isSealedType(type: string): boolean {
  return type === 'redacted_thinking' || type.startsWith('reasoning.');
}

function isSigned(api: Api, { kind, type, seal, hasId }: Holder, isModels: boolean): boolean {
  if (api.startsWith('openai_responses')) {
    return kind === 'message' && type === 'reasoning' && (seal === 'encrypted_content' || hasId);
  }
  if (kind === 'thought') return isBedrock(api) && isModels && seal === 'signature';
  if (kind !== 'part' || !isModels) return false;
  if (api.startsWith('gemini_') || api === 'google_generate_content') return seal.startsWith('thought');
  if (type === 'thinking') return seal === 'signature';
  if (type === 'redacted_thinking') return seal === 'data';
  return type.startsWith('reasoning.') && seal !== '';
}

function isBedrock(api: Api): boolean {
  return api.startsWith('bedrock_');
}
