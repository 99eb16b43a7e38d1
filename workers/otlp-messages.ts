import { storableText } from '../src/lib/storable-text.ts';
import { arrayOf, isObject, objectOf, objectsOf, parseJson, textOf } from '../src/protocols/json.ts';
import type { JsonObject } from '../src/protocols/json.ts';

/** A part of a message as the conventions have it. What is no text keeps its type alone: an image is not told. */
interface Part {
  type: string;
  [member: string]: unknown;
}

interface Message {
  role: string;
  parts: Part[];
  finish_reason?: string;
}

/** What was said, in the words of the conventions, whatever API it was said by. */
export interface Said {
  system: Part[];
  input: Message[];
  output: Message[];
}

/** Of one text. */
const TEXT_CHARACTERS = 16 * 1024;

/** Reads bodies by their shape, which APIs share: an unknown one says nothing. */
export function messagesOf(request: unknown, response: unknown): Said {
  const asked = objectOf(request);
  const { system, instructions, systemInstruction, system_instruction } = asked;
  const answered = objectOf(response);
  return {
    system: [system, instructions, systemInstruction, system_instruction].flatMap((each) => partsOf(each)),
    input: inputOf(asked),
    output: outputOf(answered),
  };
}

function inputOf({ messages, contents, input, prompt }: JsonObject): Message[] {
  if (Array.isArray(messages)) return objectsOf(messages).map(messageOf);
  if (contents !== undefined) return objectsOf(Array.isArray(contents) ? contents : [contents]).map(messageOf);
  if (Array.isArray(input)) return arrayOf(input).map((item) => itemOf(item));
  const text = [input, prompt].find((each) => typeof each === 'string');
  return text === undefined ? [] : [{ role: 'user', parts: partsOf(text) }];
}

function outputOf(answer: JsonObject): Message[] {
  const { choices, candidates, output, content, stop_reason, stopReason, status } = answer;
  if (Array.isArray(choices)) {
    return objectsOf(choices).map((choice) => {
      const message = isObject(choice['message']) ? choice['message'] : { content: choice['text'] };
      return { ...messageOf({ role: 'assistant', ...message }), ...finished(choice['finish_reason']) };
    });
  }
  if (Array.isArray(candidates)) {
    return objectsOf(candidates).map((candidate) => ({
      ...messageOf({ role: 'model', ...objectOf(candidate['content']) }),
      ...finished(candidate['finishReason']),
    }));
  }
  if (Array.isArray(output)) {
    const parts = arrayOf(output).flatMap((item) => itemOf(item).parts);
    return [{ role: 'assistant', parts, ...finished(status) }];
  }
  if (isObject(output)) return [{ ...messageOf(objectOf(output['message'])), ...finished(stopReason) }];
  return Array.isArray(content) ? [{ role: 'assistant', parts: partsOf(content), ...finished(stop_reason) }] : [];
}

function finished(reason: unknown): Pick<Message, 'finish_reason'> {
  const text = textOf(reason);
  return text === '' ? {} : { finish_reason: text };
}

function messageOf(message: JsonObject): Message {
  const { content, parts, tool_calls, tool_call_id, reasoning_content } = message;
  const role = roleOf(message['role']);
  if (role === 'tool') return { role, parts: [toolResult(tool_call_id, content)] };
  return {
    role,
    parts: [
      ...(typeof reasoning_content === 'string' ? [reasoning(reasoning_content)] : []),
      ...partsOf(content ?? parts),
      ...objectsOf(tool_calls).map((call) => {
        const { name, arguments: given } = objectOf(call['function']);
        return toolCall(call['id'], name, given);
      }),
    ],
  };
}

function roleOf(role: unknown): string {
  const text = textOf(role);
  if (text === 'model') return 'assistant';
  return text === '' ? 'user' : text;
}

/** Of the Responses API: a message, or what stands between messages. */
function itemOf(item: unknown): Message {
  if (!isObject(item)) return { role: 'user', parts: partsOf(item) };
  if (item['role'] !== undefined) return messageOf(item);
  const type = textOf(item['type']);
  return { role: type.endsWith('_output') ? 'tool' : 'assistant', parts: partsOf(item) };
}

function partsOf(content: unknown): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [text(content)];
  if (Array.isArray(content)) return arrayOf(content).flatMap((each) => partsOf(each));
  if (!isObject(content)) return [];
  // Gemini's instructions are a message without a role.
  return Array.isArray(content['parts']) ? partsOf(content['parts']) : [partOf(content)];
}

function partOf(block: JsonObject): Part {
  const { functionCall, functionResponse, toolUse, toolResult: result, reasoningContent } = block;
  if (isObject(functionCall)) return toolCall(functionCall['id'], functionCall['name'], functionCall['args']);
  if (isObject(functionResponse)) return toolResult(functionResponse['id'], functionResponse['response']);
  if (isObject(toolUse)) return toolCall(toolUse['toolUseId'], toolUse['name'], toolUse['input']);
  if (isObject(result)) return toolResult(result['toolUseId'], result['content']);
  if (isObject(reasoningContent)) return reasoning(textOf(objectOf(reasoningContent['reasoningText'])['text']));
  const type = textOf(block['type']);
  switch (type) {
    case 'thinking':
      return reasoning(textOf(block['thinking']));
    case 'reasoning':
      return reasoning(
        objectsOf(block['summary'])
          .map((each) => textOf(each['text']))
          .join('\n'),
      );
    case 'refusal':
      return text(textOf(block['refusal']));
    case 'message':
      return text(
        objectsOf(block['content'])
          .map((each) => textOf(each['text']))
          .join(''),
      );
    case 'tool_use':
      return toolCall(block['id'], block['name'], block['input']);
    case 'function_call':
      return toolCall(block['call_id'], block['name'], block['arguments']);
    case 'tool_result':
      return toolResult(block['tool_use_id'], block['content']);
    case 'function_call_output':
      return toolResult(block['call_id'], block['output']);
    default:
      if (typeof block['text'] !== 'string') return { type: type === '' ? (Object.keys(block)[0] ?? 'unknown') : type };
      return block['thought'] === true ? reasoning(block['text']) : text(block['text']);
  }
}

function text(content: string): Part {
  return { type: 'text', content: bounded(content) };
}

function reasoning(content: string): Part {
  return { type: 'reasoning', content: bounded(content) };
}

function toolCall(id: unknown, name: unknown, given: unknown): Part {
  // Some APIs send them as text.
  const parsed = typeof given === 'string' ? (parseJson(given) ?? given) : given;
  return { type: 'tool_call', id: textOf(id) || null, name: textOf(name), arguments: boundedValue(parsed) };
}

function toolResult(id: unknown, result: unknown): Part {
  const texts = Array.isArray(result) ? objectsOf(result).map((each) => textOf(each['text'])) : [];
  const plain = texts.length > 0 && texts.every((each) => each !== '') ? texts.join('\n') : result;
  return { type: 'tool_call_response', id: textOf(id) || null, response: boundedValue(plain) };
}

function bounded(content: string): string {
  return content.length <= TEXT_CHARACTERS ? content : `${storableText(content.slice(0, TEXT_CHARACTERS))}…`;
}

function boundedValue(value: unknown): unknown {
  if (typeof value === 'string') return bounded(value);
  const json = JSON.stringify(value ?? null);
  return json.length <= TEXT_CHARACTERS ? (value ?? null) : bounded(json);
}
