import type { Api } from '../contract/api.ts';
import { SCAN_ON_MAIN_BYTES } from '../contract/limits.ts';
import type { BodyFields, FieldSpan } from '../contract/messages.ts';
import type { InputReach } from '../contract/output-limit.ts';
import { isGemini } from './body-keys.ts';
import { mediaReach } from './media-limit.ts';
import { elementsOf, membersOf, skipSpace, stringValue } from './json-walk.ts';
import type { Member } from './json-walk.ts';
import { rerankReach } from './rerank/reach.ts';

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const LOWER_N = 0x6e;
const OPEN_BRACE = 0x7b;

/**
 * Tokens that a provider adds to what the body says. With tools, Anthropic's own prompt is up to 804 tokens, and its
 * tools without a schema bring 245 to 735 each, all of them together below 3000. Without tools it is a few words, a date.
 */
const MORE_WITH_TOOLS = 4096;
const MORE_TOKENS = 512;

/**
 * What bounds the input of a request: the bytes of its body, the model's window, or nothing. May say less than is so
 * ("nothing" for a tool that costs nothing, "the window" for a text that only looks like an image), never more. What a
 * provider adds to its API after this was written, it does not know.
 */
export function inputReach(api: Api, decoded: Uint8Array, fields: BodyFields): InputReach {
  // Whatever was said before in the session is read again.
  if (api === 'openai_realtime') return { by: 'window', why: 'a session' };
  const ofMedia = mediaReach(api, decoded, fields);
  if (ofMedia !== undefined) return ofMedia;
  if (api === 'rerank') return rerankReach(decoded, fields);
  const beyond = goesOn(api, decoded, fields);
  if (beyond !== undefined) return { by: 'nothing', why: beyond };
  const elsewhere = standsElsewhere(api, decoded, fields);
  if (elsewhere === undefined) {
    const tools = said(decoded, fields.spans['tools']) || said(decoded, fields.spans['toolConfig']);
    return { by: 'body', moreTokens: tools ? MORE_WITH_TOOLS : MORE_TOKENS };
  }
  // Each of many texts has a window of its own: that bounds no sum.
  if (api === 'gemini_embed_content' || api === 'openai_moderations') return { by: 'nothing', why: elsewhere };
  return { by: 'window', why: elsewhere };
}

/** Members whose mere presence lets the provider do more than one pass, or says what is done elsewhere than in the body. */
const GOES_ON: [string, string][] = [
  ['web_search_options', 'web search'],
  ['search_parameters', 'web search'],
  ['plugins', 'plugins'],
  ['mcp_servers', 'MCP servers'],
  ['container', 'a container'],
  ['prompt', 'a stored prompt'],
  ['preset', 'a preset'],
  ['extra_body', 'further members'],
];

/** Bedrock's: what the vendor's own words ask for beside the request, and a prompt that is stored there. */
const ASKS_MORE = /tool|search|mcp|container|code|memory|\\/i;
const SYSTEM_TOOL = /systemTool|\\u/;

function bedrockGoesOn(api: Api, decoded: Uint8Array, { spans }: BodyFields): string | undefined {
  const { promptVariables, additionalModelRequestFields: more, toolConfig } = spans;
  if (said(decoded, promptVariables)) return 'a stored prompt';
  if (said(decoded, more) && holds(decoded, more.valueStart, more.valueEnd, ASKS_MORE)) return 'further members';
  if (said(decoded, toolConfig) && holds(decoded, toolConfig.valueStart, toolConfig.valueEnd, SYSTEM_TOOL)) {
    return 'server tools';
  }
  return api === 'bedrock_converse' && spans['messages'] === undefined ? 'a stored prompt' : undefined;
}

function goesOn(api: Api, decoded: Uint8Array, fields: BodyFields): string | undefined {
  const { spans } = fields;
  const isBedrock = api.startsWith('bedrock_');
  const ofBedrock = isBedrock ? bedrockGoesOn(api, decoded, fields) : undefined;
  if (ofBedrock !== undefined) return ofBedrock;
  // Vendors on Bedrock have their text in `prompt`, and so have texts that go on.
  const isText = isBedrock || api === 'openai_text_completions';
  const member = GOES_ON.find(([key]) => said(decoded, spans[key]) && !(isText && key === 'prompt'));
  if (member !== undefined) return member[1];
  // Compaction is a pass of its own, at the provider's discretion. Both vendors name it so; other edits only take away.
  const edits = spans['context_management'];
  if (said(decoded, edits) && mayCompact(decoded, edits)) return 'compaction';
  return said(decoded, spans['tools']) ? serverTool(api, decoded, spans['tools']) : undefined;
}

const EDITS_BYTES = 16 * 1024;
/** An escape may hide the word. */
const COMPACT = /compact|\\/;

function mayCompact(decoded: Uint8Array, { valueStart, valueEnd }: FieldSpan): boolean {
  return valueEnd - valueStart > EDITS_BYTES || holds(decoded, valueStart, valueEnd, COMPACT);
}

/** Present, and neither null nor an empty list or text. An empty object says something: `web_search_options: {}` searches. */
function said(decoded: Uint8Array, span: FieldSpan | undefined): span is FieldSpan {
  if (span === undefined) return false;
  const first = decoded[span.valueStart];
  if (first === LOWER_N) return false;
  if (first !== OPEN_BRACKET && first !== QUOTE) return true;
  return skipSpace(decoded, span.valueStart + 1) < span.valueEnd - 1;
}

/** Tools that the client runs: their results come in another request. By the `type` of OpenAI and Anthropic. */
const CLIENT_TOOL =
  /^(?:function|custom|local_shell|apply_patch|computer|computer_use_preview|(?:bash|text_editor|computer|memory)_\d{8})$/;

/** Gemini's tools are members, several of them in one object. */
const GEMINI_CLIENT_TOOLS = new Set(['functionDeclarations', 'function_declarations', 'computerUse', 'computer_use']);

/**
 * A tool that the provider runs: how often, and what it reads, is not in the body. All that is not known as the client's
 * counts as one, also a tool of a kind that is newer than this.
 */
function serverTool(api: Api, decoded: Uint8Array, tools: FieldSpan): string | undefined {
  if (tools.valueEnd - tools.valueStart > SCAN_ON_MAIN_BYTES) return 'more tools than are looked at';
  if (decoded[tools.valueStart] !== OPEN_BRACKET) return 'tools that are no list';
  for (const element of elementsOf(decoded, tools.valueStart)) {
    if (decoded[element] === LOWER_N) continue;
    const members = decoded[element] === OPEN_BRACE ? membersOf(decoded, element) : undefined;
    if (members === undefined || !isClientTool(api, decoded, members)) return 'server tools';
  }
  return undefined;
}

function isClientTool(api: Api, decoded: Uint8Array, members: readonly Member[]): boolean {
  const name = ({ keyStart, keyEnd }: Member): string => stringValue(decoded.subarray(keyStart, keyEnd)) ?? '';
  if (isGemini(api)) return members.every((member) => GEMINI_CLIENT_TOOLS.has(name(member)));
  return members
    .filter((member) => name(member).toLowerCase() === 'type')
    .every(({ valueStart, valueEnd }) => CLIENT_TOOL.test(stringValue(decoded.subarray(valueStart, valueEnd)) ?? ''));
}

/** Members that bring what an earlier request left with the provider. */
const LEFT_THERE: [string, string][] = [
  ['previous_response_id', 'a previous response'],
  ['previous_message_id', 'a previous message'],
  ['conversation', 'a conversation'],
  ['thread', 'a thread'],
  ['cachedContent', 'cached content'],
];

function standsElsewhere(api: Api, decoded: Uint8Array, fields: BodyFields): string | undefined {
  const member = LEFT_THERE.find(([key]) => said(decoded, fields.spans[key]));
  if (member !== undefined) return member[1];
  // They take texts and tokens only.
  if (api === 'openai_embeddings' || api === 'openai_text_completions') return undefined;
  if (decoded.byteLength > SCAN_ON_MAIN_BYTES) return 'a body larger than is looked at';
  const marks = marksOf(api);
  for (const key of CONTENT) {
    const span = fields.spans[key];
    if (span !== undefined && holds(decoded, span.valueStart, span.valueEnd, marks)) {
      return 'images, files or references';
    }
  }
  // Of embeddings: their texts stand in members that are not noted.
  if (api === 'gemini_embed_content' && holds(decoded, 0, decoded.byteLength, marks)) {
    return 'images, files or references';
  }
  return undefined;
}

/** Members that hold what is said. */
const CONTENT = ['messages', 'input', 'contents', 'system', 'instructions', 'systemInstruction'];

/**
 * How parts begin whose tokens are not in proportion to their bytes, or that stand elsewhere. Also matches a client's own
 * argument of such a name. A letter may be escaped, which no client does: then anything may stand there. One pattern
 * over the bytes as Latin-1 takes a quarter of the time of a search for each of the words.
 */
const MARKS_OF_OPENAI =
  // `rs_`: reasoning that the provider stored; where it is encrypted in the body, its bytes count.
  /"(?:(?:image_url|input_image|input_audio|audio|video_url|input_video|computer_screenshot|input_file|file_data|file_id|file_url|item_reference|image_generation_call)"|rs_)|\\u00[4-7]/;
const MARKS_OF_ANTHROPIC = /"(?:image|document|container_upload)"|\\u00[4-7]/;
const MARKS_OF_BEDROCK =
  /"(?:image|document|video|audio|image_url|container_upload|s3Location|searchResult|inputImage)"|\\u00[4-7]/;
const MARKS_OF_GEMINI = /"(?:inlineData|inline_data|fileData|file_data)"|\\u00[4-7]/;

function marksOf(api: Api): RegExp {
  if (isGemini(api)) return MARKS_OF_GEMINI;
  if (api.startsWith('bedrock_')) return MARKS_OF_BEDROCK;
  return api === 'anthropic_messages' || api === 'google_raw_predict' ? MARKS_OF_ANTHROPIC : MARKS_OF_OPENAI;
}

/** Whether a value's bytes match, as Latin-1. */
export function holds(decoded: Uint8Array, start: number, end: number, what: RegExp): boolean {
  return what.test(Buffer.from(decoded.buffer, decoded.byteOffset + start, end - start).toString('latin1'));
}
