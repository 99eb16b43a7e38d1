import type { Answer, Block, Conversation, ToolOffer, Turn } from './model.ts';
import {
  blocksOf,
  conversationOf,
  errorIn,
  media,
  mediaAt,
  objectOf,
  objectsOf,
  offers,
  other,
  readableArguments,
  readableJson,
  roleOf,
  text,
  textOf,
  thinking,
} from './parts.ts';
import type { Members } from './parts.ts';

/** OpenAI's Chat Completions, and the many servers that speak like it. */

export function chatAsked(body: Members): Conversation {
  const tools = [...objectsOf(body['tools']), ...objectsOf(body['functions'])];
  return conversationOf(body, {
    tools: offers(tools, offer),
    turns: objectsOf(body['messages']).map((message) => () => turnOf(message)),
  });
}

export function chatAnswer(body: Members): Answer {
  const choices = objectsOf(body['choices']);
  const turns = choices.map((choice, at) => ({
    ...turnOf({ role: 'assistant', ...objectOf(choice['message']) }),
    name: choices.length > 1 ? `choice ${at + 1}` : '',
  }));
  return { turns: turns.filter(({ blocks }) => blocks.length > 0), error: errorIn(body) };
}

function offer(tool: Members): ToolOffer {
  const about = objectOf(tool['function'] ?? tool['custom'] ?? tool);
  return {
    name: textOf(about['name']) || textOf(tool['type']),
    about: textOf(about['description']),
    schema: readableJson(about['parameters'] ?? tool),
  };
}

function turnOf(message: Members): Turn {
  const role = roleOf(textOf(message['role']));
  const content = [
    ...thinking(message['reasoning_content'] ?? message['reasoning']),
    ...blocksOf(message['content'], part),
    ...text(message['refusal']),
    ...(typeof message['audio'] === 'object' && message['audio'] !== null ? [sound(objectOf(message['audio']))] : []),
  ];
  if (role === 'tool') {
    const id = textOf(message['tool_call_id']) || textOf(message['name']);
    return { role, name: '', blocks: [{ kind: 'result', id, failed: false, blocks: content }] };
  }
  const calls = objectsOf(message['tool_calls']).map((call) =>
    callOf(objectOf(call['function'] ?? call['custom']), call),
  );
  const legacy = message['function_call'];
  if (typeof legacy === 'object' && legacy !== null) calls.push(callOf(objectOf(legacy), {}));
  const named = textOf(message['name']);
  return { role, name: role === 'other' ? textOf(message['role']) : named, blocks: [...content, ...calls] };
}

function callOf(called: Members, call: Members): Block {
  const input = textOf(called['arguments'] ?? called['input']);
  return { kind: 'call', id: textOf(call['id']), name: textOf(called['name']), input: readableArguments(input) };
}

function sound(audio: Members): Block {
  return media('audio', { data: audio['data'], from: audio['transcript'] });
}

function part(of: Members): Block[] {
  switch (of['type']) {
    case 'text':
      return text(of['text']);
    case 'refusal':
      return text(of['refusal']);
    case 'image_url':
      return [
        mediaAt('image', typeof of['image_url'] === 'string' ? of['image_url'] : objectOf(of['image_url'])['url']),
      ];
    case 'input_audio': {
      const { data, format } = objectOf(of['input_audio']);
      return [media('audio', { type: textOf(format) && `audio/${textOf(format)}`, data })];
    }
    case 'file': {
      const { file_data, filename, file_id } = objectOf(of['file']);
      return [textOf(file_data) === '' ? media('file', { from: filename ?? file_id }) : mediaAt('file', file_data)];
    }
    default:
      return [other(textOf(of['type']) || 'part', of)];
  }
}
