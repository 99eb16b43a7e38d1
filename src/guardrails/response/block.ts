import type { Reading } from './reading.ts';
import { indexOrEnd } from './source.ts';
import type { Range } from './unit.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const BOM = '\u00ef\u00bb\u00bf';

/** A block of server-sent events, by its lines. */
export interface Block {
  /** The values of its `data` lines. */
  data: Range[];
  /** Values of other lines, comments too. */
  others: Range[];
}

export function blockOf(bytes: Uint8Array): Block {
  const block: Block = { data: [], others: [] };
  let from = 0;
  let nextLf = -1;
  let nextCr = -1;
  while (from < bytes.length) {
    if (nextLf < from) nextLf = indexOrEnd(bytes, LF, from);
    if (nextCr < from) nextCr = indexOrEnd(bytes, CR, from);
    const end = Math.min(nextLf, nextCr);
    if (end > from) addLine(block, bytes, from, end);
    from = end + 1;
  }
  return block;
}

function addLine(block: Block, bytes: Uint8Array, lineStart: number, end: number): void {
  const from = startsWith(bytes, lineStart, BOM) ? lineStart + BOM.length : lineStart;
  const colon = bytes.indexOf(COLON, from);
  if (colon === -1 || colon >= end) {
    block.others.push({ start: from, end });
    return;
  }
  const start = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
  const isData = colon - from === 4 && startsWith(bytes, from, 'data');
  if (isData) block.data.push({ start, end });
  // Without a name it is a comment; a name that nobody knows is no better.
  else if (start < end) block.others.push({ start: isNamed(bytes, from, colon) ? start : from, end });
}

function isNamed(bytes: Uint8Array, from: number, colon: number): boolean {
  return ['event', 'id', 'retry'].some((name) => colon - from === name.length && startsWith(bytes, from, name));
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** The data as one text, and where its bytes stand in the block. */
export function dataOf(
  bytes: Buffer,
  lines: readonly Range[],
): { from: number; to: number } & Pick<Reading, 'doc' | 'rawOf'> {
  const [first, second] = lines;
  if (first !== undefined && second === undefined) {
    return { doc: bytes, from: first.start, to: first.end, rawOf: (at) => at };
  }
  const doc = Buffer.concat(lines.flatMap(({ start, end }) => [bytes.subarray(start, end), Buffer.from('\n')]));
  const rawOf = (at: number): number => {
    let begin = 0;
    for (const { start, end } of lines) {
      if (at <= begin + end - start) return start + at - begin;
      begin += end - start + 1;
    }
    return bytes.length;
  };
  return { doc, from: 0, to: doc.length - 1, rawOf };
}
