import type { ApiReader } from './api-reader.ts';
import { itemsOf, memberOf, numberIn, textIn } from './json-tree.ts';
import type { JsonNode } from './json-tree.ts';
import { INPUT, REASONING, SPOKEN } from './reading.ts';
import type { Nature, Texts } from './reading.ts';

/** Chunks and whole responses of Gemini's `generateContent`. */
export class GenerateReader implements ApiReader {
  #calls = 0;

  read(root: JsonNode, texts: Texts): void {
    itemsOf(memberOf(root, 'candidates')).forEach((candidate, position) => {
      const group = `candidate ${numberIn(candidate, 'index') ?? position}`;
      for (const part of itemsOf(memberOf(memberOf(candidate, 'content'), 'parts'))) this.#readPart(part, group, texts);
      if (textIn(candidate, 'finishReason') !== '') texts.end(group);
    });
  }

  #readPart(part: JsonNode, group: string, texts: Texts): void {
    const signed = textIn(part, 'thoughtSignature') !== '' || textIn(part, 'thought_signature') !== '';
    const thought = memberOf(part, 'thought');
    const isThought = thought?.kind === 'scalar' && thought.text === 'true';
    // A signed part continues the text before it: it is read with it, and stays as it is.
    const nature: Nature = { ...(isThought ? REASONING : SPOKEN), signed: signed ? 'whole' : 'no' };
    const strand = isThought ? 'thinking' : 'text';
    texts.piece(memberOf(part, 'text'), group, strand, strand, nature);
    const call = memberOf(part, 'functionCall');
    if (call !== undefined) this.#readCall(call, group, signed, texts);
  }

  #readCall(call: JsonNode, group: string, signed: boolean, texts: Texts): void {
    // Values must be put back, or the client calls its function with a placeholder; with its next request they are
    // placeholders again, so the provider has its own words.
    const nature: Nature = { ...INPUT, signed: signed ? 'but_restored' : 'no' };
    const args = memberOf(call, 'args');
    const name = textIn(call, 'name');
    for (const piece of itemsOf(memberOf(call, 'partialArgs'))) {
      const path = textIn(piece, 'jsonPath');
      texts.piece(memberOf(piece, 'stringValue'), group, 'tool', path, nature);
      const more = memberOf(piece, 'willContinue');
      if (!(more?.kind === 'scalar' && more.text === 'true')) texts.endText(group, 'tool', path);
    }
    if (name !== '') {
      this.#calls += 1;
      const text = args === undefined ? '{}' : texts.jsonOf(args);
      texts.wait(texts.calls.whole(`call ${this.#calls}`, group, { name, arguments: text }));
    }
    texts.written(args, nature);
  }
}
