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

/** Anthropic's Messages, also by way of Vertex and Bedrock. */

export function messagesAsked(body: Members): Conversation {
  const system = blocksOf(body['system'], part);
  return conversationOf(body, {
    system: systemOf(system),
    tools: offers(objectsOf(body['tools']), offer),
    turns: objectsOf(body['messages']).map((message) => () => turnOf(message)),
  });
}

export function messagesAnswer(body: Members): Answer {
  const blocks = blocksOf(body['content'], part);
  return { turns: blocks.length === 0 ? [] : [{ role: 'assistant', name: '', blocks }], error: errorIn(body) };
}

function offer(tool: Members): ToolOffer {
  return {
    name: textOf(tool['name']),
    about: textOf(tool['description']) || textOf(tool['type']),
    schema: readableJson(tool['input_schema'] ?? tool),
  };
}

/** Results of tools come in the user's name here. A turn of nothing else is the tools'. */
function turnOf(message: Members): Turn {
  const turn = turnBy(textOf(message['role']), blocksOf(message['content'], part));
  return turn.role === 'user' && areResults(turn.blocks) ? { ...turn, role: 'tool' } : turn;
}

function part(of: Members): Block[] {
  const type = textOf(of['type']);
  switch (type) {
    case 'text':
      return text(of['text']);
    case 'thinking':
      return thinking(of['thinking'], textOf(of['thinking']) === '');
    case 'redacted_thinking':
      return thinking('', true);
    case 'image':
    case 'document':
      return [sourced(type, objectOf(of['source']), textOf(of['title']))];
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return [{ kind: 'call', id: textOf(of['id']), name: textOf(of['name']), input: readableJson(of['input']) }];
    default:
      if (type.endsWith('_result')) return [resultOf(type, of)];
      return [other(type || 'part', of)];
  }
}

function resultOf(type: string, of: Members): Block {
  const content = of['content'];
  const blocks =
    typeof content === 'object' && content !== null && !Array.isArray(content)
      ? [other(type, content)]
      : blocksOf(content, inResult);
  return { kind: 'result', id: textOf(of['tool_use_id']), failed: of['is_error'] === true, blocks };
}

/** A result within a result is none that this API has: whoever writes ten thousand of them gets them as JSON. */
function inResult(of: Members): Block[] {
  const type = textOf(of['type']);
  return type.endsWith('_result') ? [other(type, of)] : part(of);
}

function sourced(what: string, source: Members, title: string): Block {
  if (source['type'] === 'text') {
    const written = textOf(source['data']);
    return { kind: 'other', type: title === '' ? 'document' : title, json: written };
  }
  return media(what, {
    type: source['media_type'],
    data: source['data'],
    from: source['url'] ?? source['file_id'] ?? title,
  });
}
