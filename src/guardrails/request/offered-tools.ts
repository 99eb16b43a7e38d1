import { isObject, objectOf, objectsOf, textOf } from '../../protocols/json.ts';
import type { JsonObject } from '../../protocols/json.ts';
import { parsed, valuesAt } from './values.ts';

/** A tool that a request offers to the model. */
export interface OfferedTool {
  /** How it is told in a verdict. */
  name: string;
  /**
   * Each has to be allowed, by one of its spellings; one that is denied is enough to refuse. A tool that the provider knows
   * goes by its type as well as by the name that the request gives it: a name alone could be another tool's.
   */
  names: string[][];
  /** A server whose tools the request does not list: any that begins so may be one of them. */
  anyBelow: string | undefined;
}

/** Where tools are offered. Gemini's counts and batches hold whole requests. */
const PLACES = [
  'tools',
  'functions',
  'mcp_servers',
  'plugins',
  'input.tools',
  'generateContentRequest.tools',
  'requests.tools',
  // Bedrock: Converse, and what it hands on to the model as it is.
  'toolConfig.tools',
  'additionalModelRequestFields.tools',
  'input.converse.toolConfig.tools',
  'input.converse.additionalModelRequestFields.tools',
];

/** A further search that is asked for by a member of its own (OpenAI's chat, xAI). */
const BY_MEMBER: [string, string][] = [
  ['web_search_options', 'web_search'],
  ['search_parameters', 'web_search'],
];

/** Tools in tools: namespaces of the Responses API, tools of an advisor. */
const DEPTH = 4;

/** The tools that a request offers, in any API. */
export function offeredTools(body: Uint8Array): OfferedTool[] {
  const offered: OfferedTool[] = [];
  for (const place of PLACES) {
    for (const span of valuesAt(body, place)) collect(parsed(body, span), offered, 0);
  }
  for (const [member, name] of BY_MEMBER) {
    const isThere = valuesAt(body, member).some((span) => parsed(body, span) !== null);
    if (isThere) offered.push(plain(name));
  }
  return offered;
}

function collect(value: unknown, offered: OfferedTool[], depth: number): void {
  const tools = isObject(value) ? [value] : objectsOf(value);
  for (const tool of tools) {
    for (const one of toolOf(tool)) offered.push(one);
    if (depth < DEPTH && tool['tools'] !== undefined) collect(tool['tools'], offered, depth + 1);
  }
}

/** An empty object offers nothing; what has neither name nor type is Gemini's, whose tools are members. */
function toolOf(tool: JsonObject): OfferedTool[] {
  const type = textOf(tool['type']);
  if (type === 'mcp' || type === 'mcp_toolset' || tool['server_label'] !== undefined) return serverTools(tool);
  // Bedrock's: tools by member. One of AWS's own goes by its name too.
  const ofBedrock = tool['toolSpec'] ?? tool['systemTool'];
  if (isObject(ofBedrock)) return [plain(textOf(ofBedrock['name']))];
  if (isObject(tool['cachePoint'])) return [];
  // A server of Anthropic's: its type is `url`.
  if (tool['url'] !== undefined) return serverTools(tool);
  const inner = type === 'custom' ? objectOf(tool['custom']) : objectOf(tool['function']);
  const name = [inner['name'], tool['name'], tool['id']].map(textOf).find((one) => one !== '') ?? '';
  if (type === '' && name === '') return geminiTools(tool);
  if (CALLERS.has(type)) return [plain(name)];
  const types = spellings(type);
  if (name === '') return [{ name: type, names: [types], anyBelow: undefined }];
  return [{ name, names: [[name], types], anyBelow: undefined }];
}

/** The client runs it, and its name is all there is. */
const CALLERS = new Set(['', 'function', 'custom']);

function plain(name: string): OfferedTool {
  return { name, names: [[name]], anyBelow: undefined };
}

/** `web_search_20250305` is `web_search` too: who writes a rule does not know of next month's. */
function spellings(type: string): string[] {
  const undated = type.replace(/_\d{4}_?\d{2}_?\d{2}$/, '');
  return undated === type ? [type] : [type, undated];
}

/** Tools of an MCP server are named `server/tool`; a server without a list offers whatever it has. */
function serverTools(tool: JsonObject): OfferedTool[] {
  const label =
    [tool['server_label'], tool['mcp_server_name'], tool['name']].map(textOf).find((one) => one !== '') ?? '';
  const settings = objectOf(tool['tool_configuration']);
  const allowed = listed(tool['allowed_tools']) ?? listed(settings['allowed_tools']);
  if (allowed === undefined) return [{ name: label, names: [[label, `${label}/*`]], anyBelow: `${label}/` }];
  return allowed.map((name) => ({
    name: `${label}/${name}`,
    names: [[`${label}/${name}`, label]],
    anyBelow: undefined,
  }));
}

/** OpenAI takes a list of names or an object with one. An object with other conditions lists nothing. */
function listed(value: unknown): string[] | undefined {
  const names = isObject(value) ? value['tool_names'] : value;
  return Array.isArray(names) ? names.map(textOf) : undefined;
}

/** Several tools in one object: what is called `functionDeclarations` is the client's, each other member a tool of Google's. */
function geminiTools(tool: JsonObject): OfferedTool[] {
  return Object.entries(tool).flatMap(([member, value]) => {
    if (member === 'functionDeclarations' || member === 'function_declarations') {
      return objectsOf(value).map((declared) => plain(textOf(declared['name'])));
    }
    if (value === null || value === undefined || MEMBERS.has(member)) return [];
    const camel = member.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return [{ name: camel, names: [camel === member ? [camel] : [camel, member]], anyBelow: undefined }];
  });
}

/** Members that are no tools, of objects that another provider's tool may be. */
const MEMBERS = new Set(['tools', 'description', 'cache_control', 'defer_loading']);
