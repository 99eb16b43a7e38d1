import type { Found } from '../reader/find.ts';

export interface MarkedPart {
  kind: 'plain' | 'key' | 'found';
  text: string;
  /** Where it begins in the whole text. */
  from: number;
  /** Of what was found, where that begins: it may have begun in an earlier row. */
  match: number;
}

const KEY = /^\s*"(?:[^"\\]|\\.)*"(?=: )/;

/** A row cut at what was found in it, and behind the name of a member. `from` is where the row begins in the whole. */
export function markedParts(row: string, from: number, found: Found | undefined, hasKey: boolean): MarkedPart[] {
  const keyEnd = hasKey ? (KEY.exec(row)?.[0].length ?? 0) : 0;
  const parts: MarkedPart[] = [];
  const plain = (start: number, end: number) => {
    if (start < keyEnd) parts.push({ ...piece(row, from, start, Math.min(end, keyEnd)), kind: 'key' });
    if (end > keyEnd) parts.push({ ...piece(row, from, Math.max(start, keyEnd), end), kind: 'plain' });
  };
  let at = 0;
  for (const match of matchesIn(found, from, from + row.length)) {
    const start = Math.max(at, match - from);
    const end = Math.min(row.length, match - from + (found?.characters ?? 0));
    if (start > at) plain(at, start);
    if (end > start) parts.push({ ...piece(row, from, start, end), kind: 'found', match });
    at = Math.max(at, end);
  }
  if (at < row.length) plain(at, row.length);
  return parts;
}

function piece(row: string, from: number, start: number, end: number): Omit<MarkedPart, 'kind'> {
  return { text: row.slice(start, end), from: from + start, match: from + start };
}

/** What was found and touches a stretch of the text. */
function matchesIn(found: Found | undefined, from: number, to: number): number[] {
  if (found === undefined) return [];
  const { starts, characters } = found;
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) + characters <= from) low = middle + 1;
    else high = middle;
  }
  const all: number[] = [];
  for (let at = low; at < starts.length && (starts[at] ?? 0) < to; at += 1) all.push(starts[at] ?? 0);
  return all;
}
