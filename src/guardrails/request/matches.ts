import { CONTEXT_CHARS } from '../detector.ts';
import type { TextDetector, TextMatch } from '../detector.ts';
import type { Pace } from './pace.ts';

/** Judged at once; larger than `WINDOW_CHARS`, the most that a detector leaves open, so that each piece gets further. */
const PIECE_CHARS = 32 * 1024;

/** All finds in a text from index `from` on; what stands before it is context. Long texts are read in pieces. */
export async function matchesIn(
  detector: TextDetector,
  text: string,
  from: number,
  pace: Pace,
): Promise<readonly TextMatch[]> {
  if (text.length - from <= PIECE_CHARS) {
    const wait = pace.spend(text.length - from);
    if (wait !== undefined) await wait;
    return detector.find(text, from, true).matches;
  }
  const all: TextMatch[] = [];
  let judged = from;
  while (judged < text.length) {
    const base = Math.max(0, judged - CONTEXT_CHARS);
    const end = Math.min(text.length, judged + PIECE_CHARS);
    const { matches, settled } = detector.find(text.slice(base, end), judged - base, end === text.length);
    for (const match of matches) all.push({ ...match, start: match.start + base, end: match.end + base });
    // A detector that breaks its word and settles nothing does not hang the thread; what it left open ends here.
    judged = end === text.length ? end : Math.max(settled + base, judged + 1);
    const wait = pace.spend(PIECE_CHARS);
    if (wait !== undefined) await wait;
  }
  return all;
}
