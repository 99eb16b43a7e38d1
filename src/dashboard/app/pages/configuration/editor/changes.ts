import { applyPatch, diffLines, structuredPatch } from 'diff';

/** Lines that a change adds and takes away. */
export function linesChanged(before: string, after: string): { added: number; removed: number } {
  const sums = { added: 0, removed: 0 };
  for (const { added, removed, count } of diffLines(before, after)) {
    if (added) sums.added += count;
    else if (removed) sums.removed += count;
  }
  return sums;
}

/**
 * Two changes of one text, both made; undefined where they meet: then somebody has to choose. Lines around a change must
 * stand as they stood, so nothing lands where it was not meant.
 */
export function bothChanges(base: string, mine: string, theirs: string): string | undefined {
  if (theirs === base) return mine;
  const patch = structuredPatch('', '', base, mine, undefined, undefined, { context: 2 });
  const merged = applyPatch(theirs, patch, { fuzzFactor: 0 });
  return merged === false ? undefined : merged;
}
