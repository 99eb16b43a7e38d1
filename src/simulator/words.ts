import { escaped } from './json.ts';
import type { Seed } from './seed.ts';

/** The text of an answer as the pieces in which a stream delivers it; each piece is the inside of a JSON string. */
export interface Pieces {
  count: number;
  piece(index: number): string;
}

export function wholeOf(pieces: Pieces): string {
  let text = '';
  for (let i = 0; i < pieces.count; i += 1) text += pieces.piece(i);
  return text;
}

/** Some of them are two, three and four bytes a character, need escapes, or look like the protocol around them. */
const WORDS = (
  'the tide turns when a small moon pulls on wide water and every harbour keeps its own slow time so boats wait near ' +
  'old stones while gulls argue over bread until rain comes back from café näkö 日本 🌊 “quay” ]} {"x" \\n data: [DONE]'
)
  .split(' ')
  .map(escaped);

/** One word a piece, picked by the seed. */
export function words(seed: Seed, count: number): Pieces {
  return {
    count,
    piece: (i) => {
      const word = WORDS[((seed.number + Math.imul(i, 0x9e3779b1)) >>> 0) % WORDS.length] ?? '';
      return i === 0 ? word : ` ${word}`;
    },
  };
}

/** Long enough for the largest usual delta from any starting point, without an allocation. */
const FILLER = 'the quick brown fox jumps over the lazy dog and runs along the wide river bank again '.repeat(200);
const FILLER_START = 997;

/** Exactly `bytes` ASCII bytes a piece, none of which needs an escape. */
export function filler(seed: Seed, count: number, bytes: number): Pieces {
  return {
    count,
    piece: (i) => {
      const from = (seed.number + i * 31) % FILLER_START;
      const text = FILLER.slice(from, from + bytes);
      return text.length === bytes ? text : text.padEnd(bytes, 'x');
    },
  };
}

/**
 * `@t` + microseconds since the epoch, 16 digits, + `;`: when the piece was made, for whoever measures forwarding. Padded
 * to `bytes`. Not repeatable, of course.
 */
export function stamps(count: number, bytes: number, nowMs: () => number): Pieces {
  return {
    count,
    piece: () => {
      const stamp = `@t${Math.round(nowMs() * 1000).toString()};`;
      return stamp.length >= bytes
        ? stamp
        : stamp + FILLER.slice(0, bytes - stamp.length).padEnd(bytes - stamp.length, 'x');
    },
  };
}

/** A given text: in `count` pieces, or of at most `bytes` bytes each, or word by word. Never cuts inside a character. */
export function given(text: string, count: number | undefined, bytes: number | undefined): Pieces {
  const parts = (
    bytes !== undefined ? byBytes(text, bytes) : count !== undefined ? inParts(text, count) : byWords(text)
  ).map(escaped);
  return { count: parts.length, piece: (i) => parts[i] ?? '' };
}

function byWords(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

function byBytes(text: string, bytes: number): string[] {
  const parts: string[] = [];
  let part = '';
  let size = 0;
  for (const character of text) {
    const more = Buffer.byteLength(character);
    if (size + more > bytes && part !== '') {
      parts.push(part);
      part = '';
      size = 0;
    }
    part += character;
    size += more;
  }
  if (part !== '') parts.push(part);
  return parts;
}

function inParts(text: string, count: number): string[] {
  const characters = Array.from(text);
  return Array.from({ length: count }, (_, i) =>
    characters
      .slice(Math.floor((i * characters.length) / count), Math.floor(((i + 1) * characters.length) / count))
      .join(''),
  );
}
