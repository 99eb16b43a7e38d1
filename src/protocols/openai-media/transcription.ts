import type { ResponseFacts } from '../../contract/facts.ts';
import { emptyResponseFacts } from '../facts.ts';
import { arrayOf } from '../json.ts';
import type { ResponseReader } from '../protocol.ts';
import { UNARY_LIMIT_BYTES } from '../reader.ts';
import { flag } from '../tally.ts';
import type { MediaShape } from './media-stream.ts';
import { finished } from './whole.ts';

const SEGMENTS_MAX = 16_384;

/** The last event repeats the text. */
export const TRANSCRIPTION: MediaShape = {
  made: 'output',
  terminal: new Set(['transcript.text.done']),
  add(whole, event, keep, chars) {
    switch (event['type']) {
      case 'transcript.text.delta':
        keep.append(whole, 'text', event['delta']);
        return;
      case 'transcript.text.segment':
        if (arrayOf(whole['segments']).length < SEGMENTS_MAX) keep.push(whole, 'segments', event, chars);
        return;
      case 'transcript.text.done':
        if (typeof event['text'] === 'string') keep.set(whole, 'text', event['text'], chars);
        return;
      default:
        return;
    }
  },
};

/** `response_format` text, srt or vtt: the transcript itself, and no usage. */
export class PlainTranscript implements ResponseReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #text = '';

  push(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= UNARY_LIMIT_BYTES) this.#chunks.push(Buffer.from(bytes));
    else this.#chunks = [];
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    this.#text = Buffer.concat(this.#chunks).toString('utf8').trimEnd();
    this.#chunks = [];
    const facts = how === 'complete' ? finished() : emptyResponseFacts();
    facts.text = this.#text;
    if (this.#bytes > UNARY_LIMIT_BYTES) flag(facts.usage_flags, 'body_over_limit');
    return facts;
  }

  /** As the API says the same in JSON. */
  rebuilt(): unknown {
    return { text: this.#text };
  }
}
