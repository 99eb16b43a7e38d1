import type { Api } from '../../contract/api.ts';
import { BlockSource, ElementSource, LineSource, WholeSource } from './source.ts';
import type { Source } from './source.ts';

/** How a body is read. `text`: as one text; `unread`: not at all. */
export type BodyKind = 'blocks' | 'elements' | 'lines' | 'json' | 'text' | 'unread';

/** The longest beginning that tells: `event:`. */
export const TELLING_BYTES = 8;

const FIELD = /^(?:data|event|id|retry)?:/;
const BEGINS_FIELD = /^[a-z]{0,5}$/;
const TYPES_OF_TEXT = new Set(['', 'application/xml', 'application/javascript', 'application/x-www-form-urlencoded']);

/**
 * By content-type and by how the body begins: clients that expect a stream read one whatever the type says, so no type
 * may lead a body around the rules. `beginning`: its first bytes, without white space and byte order mark. Undefined:
 * more of it is needed.
 */
export function bodyKind(api: Api, contentType: string, beginning: string, atEnd: boolean): BodyKind | undefined {
  const type = contentType.split(';', 1).join('').trim().toLowerCase();
  if (type === 'text/event-stream') return 'blocks';
  if (beginning === '' && !atEnd) return undefined;
  if (/jsonl|ndjson|json-lines/.test(type)) return 'lines';
  if (beginning.startsWith('[') && isGemini(api)) return 'elements';
  if (beginning.startsWith('[') || beginning.startsWith('{')) return 'json';
  if (FIELD.test(beginning)) return 'blocks';
  if (!atEnd && beginning.length < TELLING_BYTES && BEGINS_FIELD.test(beginning)) return undefined;
  if (type === 'application/json' || type.endsWith('+json')) return 'json';
  return type.startsWith('text/') || TYPES_OF_TEXT.has(type) ? 'text' : 'unread';
}

function isGemini(api: Api): boolean {
  return api === 'gemini_generate_content' || api === 'google_generate_content';
}

export function sourceOf(kind: BodyKind): Source {
  switch (kind) {
    case 'blocks':
      return new BlockSource();
    case 'elements':
      return new ElementSource();
    case 'lines':
      return new LineSource();
    case 'json':
    case 'text':
    case 'unread':
      return new WholeSource();
  }
}

/** As far as it is needed to tell what a body is. */
export function beginningOf(bytes: Uint8Array): string {
  let at = 0;
  while (at < bytes.length && LEADING.has(bytes[at] ?? 0)) at += 1;
  return Buffer.from(bytes.subarray(at, at + TELLING_BYTES)).toString('latin1');
}

/** Tab, LF, CR, space; the three bytes of a byte order mark. */
const LEADING = new Set([0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf]);
