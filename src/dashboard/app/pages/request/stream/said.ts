import { objectOf, objectsOf, parseJson, textOf } from '../../../../../protocols/json.ts';
import { readableJson } from '../conversation/parts.ts';

/** What an event adds to what the reader sees. */
export interface Piece {
  kind: 'text' | 'thinking' | 'call';
  /** Of a call, the tool's name where this event tells it. */
  name: string;
  text: string;
}

/** Reads the pieces of an event's data, for all APIs that stream; nothing where it has none. */
export function piecesOf(data: string): Piece[] {
  if (!data.startsWith('{')) return [];
  const event = objectOf(parseJson(data));
  if (Array.isArray(event['choices'])) return chatPieces(event);
  if (Array.isArray(event['candidates'])) return geminiPieces(event);
  const type = textOf(event['type']);
  if (type.startsWith('response.')) return responsesPieces(type, event);
  if (type.startsWith('content_block')) return messagesPieces(type, event);
  return [];
}

type Members = Record<string, unknown>;

const piece = (kind: Piece['kind'], text: unknown, name = ''): Piece[] =>
  textOf(text) === '' && name === '' ? [] : [{ kind, name, text: textOf(text) }];

function chatPieces(event: Members): Piece[] {
  const delta = objectOf(objectsOf(event['choices'])[0]?.['delta']);
  return [
    ...piece('thinking', delta['reasoning_content'] ?? delta['reasoning']),
    ...piece('text', delta['content']),
    ...piece('text', delta['refusal']),
    ...objectsOf(delta['tool_calls']).flatMap((call) => {
      const { name, arguments: input } = objectOf(call['function']);
      return piece('call', input, textOf(name));
    }),
  ];
}

function messagesPieces(type: string, event: Members): Piece[] {
  if (type === 'content_block_start') {
    const block = objectOf(event['content_block']);
    const isCall = textOf(block['type']).endsWith('tool_use');
    return isCall ? piece('call', '', textOf(block['name'])) : piece('text', block['text']);
  }
  const delta = objectOf(event['delta']);
  return [
    ...piece('thinking', delta['thinking']),
    ...piece('text', delta['text']),
    ...piece('call', delta['partial_json']),
  ];
}

function responsesPieces(type: string, event: Members): Piece[] {
  if (type === 'response.output_text.delta' || type === 'response.refusal.delta') return piece('text', event['delta']);
  if (/^response\.reasoning(_summary)?_text\.delta$/.test(type)) return piece('thinking', event['delta']);
  if (/_call(_arguments|_input)?\.delta$/.test(type)) return piece('call', event['delta']);
  if (type !== 'response.output_item.added') return [];
  const item = objectOf(event['item']);
  return textOf(item['type']).endsWith('_call') ? piece('call', '', textOf(item['name'])) : [];
}

function geminiPieces(event: Members): Piece[] {
  const content = objectOf(objectsOf(event['candidates'])[0]?.['content']);
  return objectsOf(content['parts']).flatMap((part) => {
    if (typeof part['functionCall'] === 'object') {
      const call = objectOf(part['functionCall']);
      return piece('call', readableJson(call['args'] ?? {}), textOf(call['name']));
    }
    return piece(part['thought'] === true ? 'thinking' : 'text', part['text']);
  });
}

/** What was said, and how far it had come with each event. */
export interface Said {
  text: string;
  /** Stretches of one kind; each goes on to where the next begins. */
  stretches: { kind: Piece['kind']; name: string; from: number }[];
  /** Length of the text after each event. */
  until: number[];
}

export function saidBy(datas: readonly string[]): Said {
  const texts: string[] = [];
  const stretches: Said['stretches'] = [];
  const until: number[] = [];
  let length = 0;
  for (const data of datas) {
    for (const { kind, name, text } of piecesOf(data)) {
      if (stretches.at(-1)?.kind !== kind || name !== '') stretches.push({ kind, name, from: length });
      texts.push(text);
      length += text.length;
    }
    until.push(length);
  }
  return { text: texts.join(''), stretches, until };
}
