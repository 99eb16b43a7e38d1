import type { ApiReader } from './api-reader.ts';
import { itemsOf, memberOf, numberIn, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { SPOKEN, TOKENS } from './reading.ts';
import type { Nature, Texts } from './reading.ts';

/** Chunks and whole answers of OpenAI's older API of texts without roles. */
export class CompletionsReader implements ApiReader {
  read(root: JsonNode, texts: Texts): void {
    for (const choice of itemsOf(memberOf(root, 'choices'))) {
      const group = `choice ${numberIn(choice, 'index') ?? 0}`;
      texts.piece(memberOf(choice, 'text'), group, 'text', 'text', SPOKEN);
      readOdds(memberOf(choice, 'logprobs'), texts, group);
      if (textIn(choice, 'finish_reason') !== '') texts.end(group);
    }
  }
}

/** The text once more, token by token; beside each token, as keys of an object, what might have stood there. */
function readOdds(odds: JsonNode | undefined, texts: Texts, group: string): void {
  const others = itemsOf(memberOf(odds, 'top_logprobs'));
  itemsOf(memberOf(odds, 'tokens')).forEach((token, at) => {
    const beside = others[at];
    // Where the token is replaced, its own odds would still tell it.
    const twins = beside?.kind === 'object' ? [{ start: beside.start, end: beside.end, text: 'null' }] : [];
    texts.piece(token, group, TOKENS, 'content', { ...AGAIN, twins });
  });
  for (const beside of others) {
    if (beside.kind === 'object') for (const { key } of beside.members) readKey(key, texts);
  }
}

const AGAIN: Nature = { ...SPOKEN, again: true };

/** As for tokens of a chat: a shorter one is a piece of a word. */
const LEAST_CHARS = 4;

function readKey(key: JsonNode, texts: Texts): void {
  if (key.kind === 'text' && key.value.length >= LEAST_CHARS) texts.whole(key, AGAIN);
}
