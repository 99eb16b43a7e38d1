/** Where something stands in a text, in order; `more` where there is more of it than is told. */
export interface Found {
  starts: Uint32Array<ArrayBuffer>;
  /** Length of each. */
  characters: number;
  more: boolean;
}

const MOST_FOUND = 20_000;

/** In any case. What is looked for is text, never a pattern. */
export function findIn(text: string, wanted: string, most = MOST_FOUND): Found {
  const starts: number[] = [];
  if (wanted === '') return { starts: new Uint32Array(), characters: 0, more: false };
  const pattern = new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gi');
  let more = false;
  for (const match of text.matchAll(pattern)) {
    if (starts.length === most) {
      more = true;
      break;
    }
    starts.push(match.index);
  }
  return { starts: Uint32Array.from(starts), characters: wanted.length, more };
}
