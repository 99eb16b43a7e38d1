import { isObject, listAt, numberAt, objectAt, stringAt } from './json.ts';
import type { JsonObject } from './json.ts';

export interface Tool {
  name: string;
  /** JSON Schema of its arguments. */
  schema: unknown;
}

/** What the simulator takes from a request, in one shape for all APIs. */
export interface Prompt {
  model: string;
  stream: boolean;
  /** Text of the last user message, where a client that sets no headers steers and asks for tools. */
  lastUserText: string;
  /** All that was said, joined: what the answer is derived from. */
  said: string;
  tools: Tool[];
  /** `''`: any tool will do. Undefined: the client did not insist. */
  forcedTool: string | undefined;
  /** The conversation ends in a tool's result, so it is our turn to speak: without this an agent would loop. */
  afterToolResult: boolean;
  maxOutput: number | undefined;
  /** The answer is to be JSON after this schema. */
  jsonSchema: unknown;
  /** The body as parsed, for what only one API has. */
  body: JsonObject;
}

/** Collects every text below a message, a list of parts or a part. Binary parts count by their base64. */
function collect(value: unknown, into: string[], depth = 0): void {
  if (typeof value === 'string') into.push(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, into, depth);
  else if (isObject(value) && depth < 8) {
    for (const key of Object.keys(value)) {
      if (key === 'type' || key === 'role' || key === 'cache_control') continue;
      collect(value[key], into, depth + 1);
    }
  }
}

function textOf(value: unknown): string {
  const into: string[] = [];
  collect(value, into);
  return into.join('\n');
}

function hasType(value: unknown, type: string): boolean {
  return isObject(value) && value['type'] === type;
}

function lastWithRole(messages: unknown[], role: string): JsonObject | undefined {
  for (let i = messages.length - 1; i >= 0; i -= 1) {
    const message = messages[i];
    if (isObject(message) && message['role'] === role) return message;
  }
  return undefined;
}

function base(body: JsonObject): Prompt {
  return {
    model: stringAt(body, 'model') ?? '',
    stream: body['stream'] === true,
    lastUserText: '',
    said: '',
    tools: [],
    forcedTool: undefined,
    afterToolResult: false,
    maxOutput: undefined,
    jsonSchema: undefined,
    body,
  };
}

function namedTool(value: unknown, name: unknown, schemaKey: string): Tool[] {
  return isObject(value) && typeof name === 'string' ? [{ name, schema: value[schemaKey] }] : [];
}

function forcedByOpenAi(choice: unknown): string | undefined {
  if (choice === 'required') return '';
  if (!isObject(choice)) return undefined;
  const inner = objectAt(choice, 'function');
  return stringAt(inner ?? choice, 'name');
}

export function readChat(body: JsonObject): Prompt {
  const messages = listAt(body, 'messages');
  const last = messages.at(-1);
  return {
    ...base(body),
    lastUserText: textOf(lastWithRole(messages, 'user')?.['content']),
    said: textOf([messages, body['tools']]),
    tools: listAt(body, 'tools').flatMap((tool) => {
      const inner = isObject(tool) ? objectAt(tool, 'function') : undefined;
      return namedTool(inner, inner?.['name'], 'parameters');
    }),
    forcedTool: forcedByOpenAi(body['tool_choice']),
    afterToolResult: isObject(last) && last['role'] === 'tool',
    maxOutput: numberAt(body, 'max_completion_tokens') ?? numberAt(body, 'max_tokens'),
    jsonSchema: objectAt(objectAt(body, 'response_format') ?? {}, 'json_schema')?.['schema'],
  };
}

export function readMessages(body: JsonObject): Prompt {
  const messages = listAt(body, 'messages');
  const last = messages.at(-1);
  const lastContent = isObject(last) ? last['content'] : undefined;
  const choice = objectAt(body, 'tool_choice');
  return {
    ...base(body),
    lastUserText: textOf(lastWithRole(messages, 'user')?.['content']),
    said: textOf([body['system'], messages, body['tools']]),
    tools: listAt(body, 'tools').flatMap((tool) =>
      isObject(tool) ? namedTool(tool, tool['name'], 'input_schema') : [],
    ),
    forcedTool: choice?.['type'] === 'any' ? '' : choice?.['type'] === 'tool' ? stringAt(choice, 'name') : undefined,
    afterToolResult: Array.isArray(lastContent) && lastContent.some((part) => hasType(part, 'tool_result')),
    maxOutput: numberAt(body, 'max_tokens'),
    jsonSchema: objectAt(objectAt(body, 'output_config') ?? {}, 'format')?.['schema'],
  };
}

export function readResponses(body: JsonObject): Prompt {
  const input = body['input'];
  const items = listAt(body, 'input');
  const last = items.at(-1);
  return {
    ...base(body),
    lastUserText: typeof input === 'string' ? input : textOf(lastWithRole(items, 'user')?.['content']),
    said: textOf([body['instructions'], input, body['tools']]),
    tools: listAt(body, 'tools').flatMap((tool) =>
      hasType(tool, 'function') && isObject(tool) ? namedTool(tool, tool['name'], 'parameters') : [],
    ),
    forcedTool: forcedByOpenAi(body['tool_choice']),
    afterToolResult: hasType(last, 'function_call_output') || hasType(last, 'custom_tool_call_output'),
    maxOutput: numberAt(body, 'max_output_tokens'),
    jsonSchema: objectAt(objectAt(body, 'text') ?? {}, 'format')?.['schema'],
  };
}

export function readGemini(body: JsonObject, model: string, stream: boolean): Prompt {
  const contents = listAt(body, 'contents');
  const last = contents.at(-1);
  const config = objectAt(body, 'generationConfig') ?? {};
  const calling = objectAt(objectAt(body, 'toolConfig') ?? {}, 'functionCallingConfig');
  const allowed = calling === undefined ? undefined : listAt(calling, 'allowedFunctionNames')[0];
  // A content without a role is the user's.
  const user = lastWithRole(contents, 'user') ?? (isObject(last) && last['role'] === undefined ? last : undefined);
  return {
    ...base(body),
    model,
    stream,
    lastUserText: textOf(user?.['parts']),
    said: textOf([body['systemInstruction'], contents, body['tools'], body['content'], body['requests']]),
    tools: listAt(body, 'tools').flatMap((tool) =>
      isObject(tool)
        ? listAt(tool, 'functionDeclarations').flatMap((declared) =>
            isObject(declared)
              ? namedTool(
                  declared,
                  declared['name'],
                  'parametersJsonSchema' in declared ? 'parametersJsonSchema' : 'parameters',
                )
              : [],
          )
        : [],
    ),
    forcedTool: calling?.['mode'] === 'ANY' ? (typeof allowed === 'string' ? allowed : '') : undefined,
    afterToolResult:
      isObject(last) && listAt(last, 'parts').some((part) => isObject(part) && 'functionResponse' in part),
    maxOutput: numberAt(config, 'maxOutputTokens'),
    jsonSchema: config['responseJsonSchema'] ?? config['responseSchema'],
  };
}

export function readEmbeddings(body: JsonObject): Prompt {
  return { ...base(body), stream: false, said: textOf(body['input']) };
}

/** Of images and audio, a form's fields included. Sound itself says nothing here. */
export function readMedia(body: JsonObject): Prompt {
  const lastUserText = textOf(body['prompt'] ?? body['input']);
  return { ...base(body), lastUserText, said: textOf([body['prompt'], body['input'], body['instructions']]) };
}

/** The prompt of a request whose body nobody looks at (`blind=1`): big bodies must not slow the simulator. */
export function blindPrompt(model: string, stream: boolean): Prompt {
  return { ...base({}), model, stream };
}
