import type { Heuristic } from '../../contract/guardrail.ts';
import { languageOf } from '../heuristics/language.ts';
import { injectionFinds, injectionScore } from '../heuristics/prompt-injection.ts';
import type { InjectionKind } from '../heuristics/prompt-injection.ts';
import type { Tally } from '../tally.ts';
import type { Pace } from './pace.ts';
import { valueOf } from './text-rule.ts';
import type { BodyText } from './texts.ts';

/** A piece of a long text that is read at once, and what stands before it again: the longest phrase that is looked for. */
const PIECE_CHARS = 16 * 1024;
const OVERLAP_CHARS = 1024;

/** Reads a request's texts with a rule that guesses, and counts what it would flag. */
export async function applyHeuristic(
  rule: Heuristic,
  tally: Tally,
  body: Uint8Array,
  texts: readonly BodyText[],
  pace: Pace,
): Promise<void> {
  for (const text of texts) {
    if (!isRead(rule, text)) continue;
    const value = valueOf(body, text);
    tally.read(text.place, value.length);
    if (rule.kind === 'language') {
      const language = languageOf(value);
      if (language !== undefined && !rule.allow.includes(language)) tally.match(language, value.slice(0, PIECE_CHARS));
      const wait = pace.spend(Math.min(value.length, PIECE_CHARS));
      if (wait !== undefined) await wait;
    } else await flagInjections(rule.threshold, value, tally, pace);
  }
}

/** The developer's own instructions, and what the model said, are nobody's injection; results of tools have the language of their source. */
function isRead({ kind }: Heuristic, { place, what }: BodyText): boolean {
  if (what === 'key' || what === 'number') return false;
  return place === 'user' || (place === 'tool_result' && kind === 'prompt_injection');
}

async function flagInjections(threshold: number, text: string, tally: Tally, pace: Pace): Promise<void> {
  const finds = new Map<InjectionKind, string>();
  for (let at = 0; at < text.length; at += PIECE_CHARS) {
    const piece = text.slice(Math.max(0, at - OVERLAP_CHARS), at + PIECE_CHARS);
    for (const { kind, value } of injectionFinds(piece)) if (!finds.has(kind)) finds.set(kind, value);
    const wait = pace.spend(piece.length);
    if (wait !== undefined) await wait;
  }
  if (injectionScore(finds.keys()) < threshold) return;
  for (const [kind, value] of finds) tally.match(kind, value);
}
