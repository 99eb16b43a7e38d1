import type { Answer, Block, Conversation, ToolOffer, Turn } from './model.ts';
import {
  blocksOf,
  conversationOf,
  errorIn,
  joined,
  media,
  mediaAt,
  objectOf,
  objectsOf,
  offers,
  other,
  readableArguments,
  readableJson,
  systemOf,
  text,
  textOf,
  thinking,
  turnBy,
} from './parts.ts';
import type { Members } from './parts.ts';

/** OpenAI's Responses: what is said are items, of which messages are one kind. */

export function responsesAsked(body: Members): Conversation {
  const input = body['input'];
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : objectsOf(input);
  const instructions = text(body['instructions']);
  return conversationOf(body, {
    system: systemOf(instructions, 'instructions'),
    tools: offers(objectsOf(body['tools']), offer),
    turns: items.map((item) => () => turnOf(item)),
    continues: textOf(body['previous_response_id']),
  });
}

export function responsesAnswer(body: Members): Answer {
  return { turns: joined(objectsOf(body['output']).map(turnOf)), error: errorIn(body) };
}

function offer(tool: Members): ToolOffer {
  return {
    name: textOf(tool['name']) || textOf(tool['type']),
    about: textOf(tool['description']),
    schema: readableJson(tool['parameters'] ?? tool),
  };
}

function turnOf(item: Members): Turn {
  const type = textOf(item['type']) || 'message';
  if (type === 'message') {
    return turnBy(textOf(item['role']), blocksOf(item['content'], part));
  }
  if (type === 'reasoning') return { role: 'assistant', name: '', blocks: reasoning(item) };
  if (type.endsWith('_call')) return { role: 'assistant', name: '', blocks: [callOf(type, item)] };
  if (type.endsWith('_call_output')) {
    const output = item['output'];
    const blocks =
      typeof output === 'object' && !Array.isArray(output) ? [other(type, output)] : blocksOf(output, part);
    const failed = item['status'] === 'failed' || item['status'] === 'incomplete';
    return { role: 'tool', name: '', blocks: [{ kind: 'result', id: textOf(item['call_id']), failed, blocks }] };
  }
  return { role: 'other', name: type, blocks: [other(type, item)] };
}

function reasoning(item: Members): Block[] {
  const said = [...objectsOf(item['summary']), ...objectsOf(item['content'])].map((each) => textOf(each['text']));
  const words = said.filter((each) => each !== '').join('\n\n');
  return thinking(words, words === '' && textOf(item['encrypted_content']) !== '');
}

/** A function, or a tool of the provider's own: those have members of their own in place of arguments. */
function callOf(type: string, item: Members): Block {
  const { type: _type, id, call_id, name, arguments: args, input, status: _status, ...rest } = item;
  const given = textOf(args) || textOf(input);
  return {
    kind: 'call',
    id: textOf(call_id) || textOf(id),
    name: textOf(name) || type.replace(/_call$/, ''),
    input: given === '' ? readableJson(rest) : readableArguments(given),
  };
}

function part(of: Members): Block[] {
  switch (of['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return text(of['text']);
    case 'refusal':
      return text(of['refusal']);
    case 'input_image': {
      const address = textOf(of['image_url']);
      return [address === '' ? media('image', { from: of['file_id'] }) : mediaAt('image', address)];
    }
    case 'input_file': {
      const data = textOf(of['file_data']);
      return [
        data === ''
          ? media('file', { from: of['filename'] ?? of['file_id'] ?? of['file_url'] })
          : mediaAt('file', data),
      ];
    }
    case 'input_audio':
      return [media('audio', { data: objectOf(of['input_audio'])['data'] })];
    default:
      return [other(textOf(of['type']) || 'part', of)];
  }
}
