import type { TriedText } from '../answers.ts';

export interface Piece {
  text: string;
  /** What was found there; empty: nothing. */
  kinds: string[];
}

/** A text cut where finds begin and end; what several rules found lies in a piece of several kinds. */
export function piecesOf(text: string, finds: TriedText['finds']): Piece[] {
  const cuts = new Set([0, text.length]);
  for (const { start, end } of finds) cuts.add(Math.min(start, text.length)).add(Math.min(end, text.length));
  const at = [...cuts].sort((left, right) => left - right);
  return at.slice(0, -1).map((start, index) => {
    const end = at[index + 1] ?? text.length;
    const here = finds.filter((find) => find.start < end && find.end > start);
    return { text: text.slice(start, end), kinds: [...new Set(here.map(({ rule, kind }) => `${rule}: ${kind}`))] };
  });
}

/** `email 2, card 1` */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`);
  return kinds.length === 0 ? 'nothing' : kinds.join(', ');
}
