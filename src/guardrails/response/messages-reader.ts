import type { ApiReader } from './api-reader.ts';
import { itemsOf, memberOf, numberIn, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { readOthers, readPieces } from './others.ts';
import { ARGUMENTS, INPUT, SIGNED, SPOKEN } from './reading.ts';
import type { Nature, Texts } from './reading.ts';

const RESULT: Nature = { place: 'tool_result' };

/** Events and whole messages of Anthropic's API, and the lines of its batches. */
export class MessagesReader implements ApiReader {
  read(root: JsonNode, texts: Texts): void {
    switch (textIn(root, 'type')) {
      case 'message_start':
        readMessage(memberOf(root, 'message'), texts);
        return;
      case 'content_block_start':
        readBlock(memberOf(root, 'content_block'), groupOf(root), texts);
        return;
      case 'content_block_delta':
        readDelta(memberOf(root, 'delta'), groupOf(root), texts);
        return;
      case 'content_block_stop':
        texts.end(groupOf(root));
        texts.calls.end(groupOf(root));
        return;
      case 'message_stop':
        texts.end();
        texts.calls.end();
        return;
      default:
        readMessage(root, texts);
        readMessage(memberOf(memberOf(root, 'result'), 'message'), texts);
    }
  }
}

function groupOf(event: JsonNode): string {
  return `block ${numberIn(event, 'index') ?? 0}`;
}

/** Its blocks are whole. */
function readMessage(message: JsonNode | undefined, texts: Texts): void {
  itemsOf(memberOf(message, 'content')).forEach((block, position) => {
    const group = `block ${position}`;
    readBlock(block, group, texts);
    texts.end(group);
    texts.calls.end(group);
  });
}

function readBlock(block: JsonNode | undefined, group: string, texts: Texts): void {
  const type = textIn(block, 'type');
  switch (type) {
    case 'text':
      texts.piece(memberOf(block, 'text'), group, 'text', 'text', SPOKEN);
      return;
    case 'thinking':
      texts.piece(memberOf(block, 'thinking'), group, 'thinking', 'thinking', SIGNED);
      return;
    case 'compaction':
      texts.piece(memberOf(block, 'content'), group, 'text', 'compaction', SPOKEN);
      return;
    case 'tool_use': {
      const input = memberOf(block, 'input');
      const whole = input === undefined ? '' : texts.jsonOf(input);
      texts.wait(texts.calls.add(group, group, { name: textIn(block, 'name'), whole }));
      texts.written(input, INPUT);
      return;
    }
    default:
      // What runs at the provider.
      if (type.endsWith('tool_use')) texts.written(memberOf(block, 'input'), INPUT);
      else if (type.endsWith('_result') && block !== undefined) readOthers(block, texts, RESULT);
  }
}

function readDelta(delta: JsonNode | undefined, group: string, texts: Texts): void {
  const type = textIn(delta, 'type');
  switch (type) {
    case 'text_delta':
      texts.piece(memberOf(delta, 'text'), group, 'text', 'text', SPOKEN);
      return;
    case 'thinking_delta':
      texts.piece(memberOf(delta, 'thinking'), group, 'thinking', 'thinking', SIGNED);
      return;
    case 'compaction_delta':
      texts.piece(memberOf(delta, 'content'), group, 'text', 'compaction', SPOKEN);
      return;
    case 'input_json_delta': {
      texts.wait(texts.calls.addTo(group, textIn(delta, 'partial_json')));
      texts.piece(memberOf(delta, 'partial_json'), group, 'tool', 'input', ARGUMENTS);
      return;
    }
    default:
      readPieces(delta, texts, group, type);
  }
}
