import type { Answer, Block, Conversation, ToolOffer, Turn } from './model.ts';
import {
  areResults,
  blocksOf,
  conversationOf,
  errorIn,
  media,
  objectOf,
  objectsOf,
  offers,
  other,
  readableJson,
  systemOf,
  text,
  textOf,
  thinking,
  turnBy,
} from './parts.ts';
import type { Members } from './parts.ts';

/** Google's generateContent. Members come in camel case or in snake case. */

export function geminiAsked(body: Members): Conversation {
  const system = blocksOf(objectOf(body['systemInstruction'] ?? body['system_instruction'])['parts'], part);
  const tools = objectsOf(body['tools']).flatMap((tool) => {
    const declared = objectsOf(tool['functionDeclarations'] ?? tool['function_declarations']);
    return declared.length > 0 ? declared : [tool];
  });
  return conversationOf(body, {
    system: systemOf(system),
    tools: offers(tools, offer),
    turns: objectsOf(body['contents']).map((content) => () => turnOf(content)),
  });
}

export function geminiAnswer(body: Members): Answer {
  const candidates = objectsOf(body['candidates']);
  const turns = candidates.map((candidate, at) => ({
    ...turnOf({ role: 'model', ...objectOf(candidate['content']) }),
    name: candidates.length > 1 ? `candidate ${at + 1}` : '',
  }));
  const blocked = textOf(objectOf(body['promptFeedback'])['blockReason']);
  return {
    turns: turns.filter(({ blocks }) => blocks.length > 0),
    error: errorIn(body) || (blocked === '' ? '' : `The prompt was refused: ${blocked}`),
  };
}

function offer(tool: Members): ToolOffer {
  return {
    name: textOf(tool['name']) || (Object.keys(tool)[0] ?? ''),
    about: textOf(tool['description']),
    schema: readableJson(tool['parameters'] ?? tool['parametersJsonSchema'] ?? tool),
  };
}

function turnOf(content: Members): Turn {
  const turn = turnBy(textOf(content['role']) || 'user', blocksOf(content['parts'], part));
  return areResults(turn.blocks) ? { ...turn, role: 'tool' } : turn;
}

function part(of: Members): Block[] {
  const either = (camel: string, snake: string): Members | undefined => {
    const value = of[camel] ?? of[snake];
    return typeof value === 'object' && value !== null ? objectOf(value) : undefined;
  };
  const data = either('inlineData', 'inline_data');
  if (data !== undefined) {
    const type = textOf(data['mimeType'] ?? data['mime_type']);
    return [media(type.split('/')[0] ?? 'file', { type, data: data['data'] })];
  }
  const file = either('fileData', 'file_data');
  if (file !== undefined) {
    return [media('file', { type: file['mimeType'] ?? file['mime_type'], from: file['fileUri'] ?? file['file_uri'] })];
  }
  const call = either('functionCall', 'function_call');
  if (call !== undefined) {
    return [
      { kind: 'call', id: textOf(call['id']), name: textOf(call['name']), input: readableJson(call['args'] ?? {}) },
    ];
  }
  const response = either('functionResponse', 'function_response');
  if (response !== undefined) {
    const id = textOf(response['id']) || textOf(response['name']);
    return [{ kind: 'result', id, failed: false, blocks: [other('response', response['response'])] }];
  }
  if (typeof of['text'] === 'string') return of['thought'] === true ? thinking(of['text']) : text(of['text']);
  return [other(Object.keys(of)[0] ?? 'part', of)];
}
