import type { Said } from './said.ts';

/** More than a screen has; a text that grows is laid out anew with each frame. */
const SHOWN_CHARACTERS = 6_000;

export interface Stretch {
  kind: 'text' | 'thinking' | 'call';
  name: string;
  text: string;
  from: number;
}

/** The end of what had been said until then, by its kinds; how much before it is not shown. */
export function stretchesShown(said: Said, until: number): { stretches: Stretch[]; hidden: number } {
  const first = Math.max(0, until - SHOWN_CHARACTERS);
  const stretches: Stretch[] = [];
  for (let at = said.stretches.length - 1; at >= 0; at -= 1) {
    const stretch = said.stretches[at];
    if (stretch === undefined || stretch.from > until) continue;
    const end = Math.min(until, said.stretches[at + 1]?.from ?? said.text.length);
    if (end < first) break;
    const from = Math.max(first, stretch.from);
    if (end > from || stretch.name !== '') stretches.unshift({ ...stretch, text: said.text.slice(from, end) });
    if (stretches.length === MOST_STRETCHES) break;
  }
  return { stretches, hidden: first };
}
const MOST_STRETCHES = 200;

/** `3.25 s`, and from a minute on `1:03.3`. */
export function clockOf(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = ms / 1000;
  const rest = (seconds % 60).toFixed(1).padStart(4, '0');
  return `${Math.floor(seconds / 60)}:${rest}`;
}
