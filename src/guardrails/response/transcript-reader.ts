import type { ApiReader } from './api-reader.ts';
import { itemsOf, memberOf, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { readTokens } from './others.ts';
import { SPOKEN } from './reading.ts';
import type { Nature, Texts } from './reading.ts';

const TEXT = 'transcript';
const SEGMENTS = 'segments';

/**
 * Events and whole answers of OpenAI's transcriptions. What was said comes in deltas, as a whole, and in segments: each is
 * read as one text, and counted the first time only.
 */
export class TranscriptReader implements ApiReader {
  #isTold = false;

  read(root: JsonNode, texts: Texts): void {
    switch (textIn(root, 'type')) {
      case 'transcript.text.delta':
        texts.piece(memberOf(root, 'delta'), TEXT, 'text', 'text', SPOKEN);
        readTokens(memberOf(root, 'logprobs'), texts, TEXT, 'text', SPOKEN);
        this.#isTold = true;
        return;
      case 'transcript.text.segment':
        readSegment(root, texts, this.#tell());
        return;
      default:
        texts.end();
        this.#readWhole(root, texts);
    }
  }

  #readWhole(root: JsonNode, texts: Texts): void {
    const text = memberOf(root, 'text');
    if (text?.kind === 'text') {
      texts.whole(text, this.#tell());
      this.#isTold = true;
    }
    for (const segment of itemsOf(memberOf(root, 'segments'))) readSegment(segment, texts, this.#tell());
    readTokens(memberOf(root, 'logprobs'), texts, TEXT, 'whole', SPOKEN);
    texts.end();
  }

  #tell(): Nature {
    return this.#isTold ? { ...SPOKEN, again: true } : SPOKEN;
  }
}

function readSegment(segment: JsonNode, texts: Texts, nature: Nature): void {
  texts.piece(memberOf(segment, 'text'), SEGMENTS, 'text', 'text', nature);
}
