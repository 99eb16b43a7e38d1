import type { ApiReader } from './api-reader.ts';
import { ChatReader } from './chat-reader.ts';
import { itemsOf, memberOf, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { MessagesReader } from './messages-reader.ts';
import { INPUT, SIGNED, SPOKEN } from './reading.ts';
import type { Texts } from './reading.ts';

/** Whole answers of Bedrock's Converse. Its streams are binary: rules do not read them (`front/rules.ts`). */
export class ConverseReader implements ApiReader {
  read(root: JsonNode, texts: Texts): void {
    const message = memberOf(memberOf(root, 'output'), 'message');
    itemsOf(memberOf(message, 'content')).forEach((block, position) => {
      const group = `block ${position}`;
      readBlock(block, group, texts);
      texts.end(group);
      texts.calls.end(group);
    });
  }
}

function readBlock(block: JsonNode, group: string, texts: Texts): void {
  texts.piece(memberOf(block, 'text'), group, 'text', 'text', SPOKEN);
  const thought = memberOf(memberOf(block, 'reasoningContent'), 'reasoningText');
  texts.piece(memberOf(thought, 'text'), group, 'thinking', 'thinking', SIGNED);
  const use = memberOf(block, 'toolUse');
  if (use === undefined) return;
  const input = memberOf(use, 'input');
  const whole = input === undefined ? '' : texts.jsonOf(input);
  texts.wait(texts.calls.add(group, group, { name: textIn(use, 'name'), whole }));
  texts.written(input, INPUT);
}

/** Whole answers of InvokeModel: the vendor's own, told apart by their members. Others are read text by text. */
export class InvokeReader implements ApiReader {
  read(root: JsonNode, texts: Texts): void {
    if (textIn(root, 'type') === 'message') new MessagesReader().read(root, texts);
    else if (memberOf(root, 'choices') !== undefined) new ChatReader().read(root, texts);
    else new ConverseReader().read(root, texts);
  }
}
