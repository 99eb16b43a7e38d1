import type { BuiltinRule, TextBuiltin } from '../../contract/guardrail.ts';
import type { TextDetector } from '../detector.ts';
import type { Placeholders } from '../placeholders.ts';
import { Tally } from '../tally.ts';
import type { TextRun } from '../window.ts';
import type { Sight } from './channel.ts';

/**
 * `open`: what was written for the client. `reasoning`: reasoning that nobody signed. `signed`: reasoning that goes back
 * as it came. `echo`: the request's own words, told again.
 */
export type Kind = 'open' | 'reasoning' | 'signed' | 'echo';

export interface RuleRun {
  rule: BuiltinRule;
  tally: Tally;
}

/** The rules of one response, and which of them read what. */
export class Scope {
  readonly runs: RuleRun[];
  readonly placeholders: Placeholders;
  readonly #sights: Record<Kind, Sight>;
  /** The same, for what was told before: it changes alike and is not counted again. */
  readonly #again: Record<Kind, Sight>;

  constructor(parts: {
    rules: readonly BuiltinRule[];
    detectors: (rule: BuiltinRule) => TextDetector;
    placeholders: Placeholders;
    matchKey: Uint8Array;
    atMs: number;
  }) {
    const { rules, detectors, placeholders, matchKey, atMs } = parts;
    const tallyOf = ({ name, builtin }: BuiltinRule): Tally =>
      new Tally({ rule: name, type: builtin.kind, side: 'response', shadow: builtin.shadow, matchKey, atMs });
    this.placeholders = placeholders;
    this.runs = rules.map((rule) => ({ rule, tally: tallyOf(rule) }));
    this.#sights = sightsOf(this.runs, detectors, placeholders);
    const uncounted = rules.map((rule) => ({ rule, tally: tallyOf(rule) }));
    this.#again = sightsOf(uncounted, detectors, placeholders);
  }

  sight(kind: Kind, again: boolean): Sight {
    return (again ? this.#again : this.#sights)[kind];
  }

  /** The rule behind a run. */
  ruleOf(name: string): RuleRun | undefined {
    return this.runs.find(({ rule }) => rule.name === name);
  }
}

function sightsOf(
  runs: readonly RuleRun[],
  detectors: (rule: BuiltinRule) => TextDetector,
  placeholders: Placeholders,
): Record<Kind, Sight> {
  const texts = runs.flatMap(({ rule, tally }) => {
    const { builtin, name } = rule;
    if (!isTextual(builtin)) return [];
    const { action, shadow, thinking } = builtin;
    const run: TextRun = { name, action, shadow, detector: detectors(rule), tally };
    return [{ run, thinking, replaces: action === 'redact' || action === 'tokenise' }];
  });
  const restore = placeholders.size > 0;
  const only = (which: (text: (typeof texts)[number]) => boolean): TextRun[] =>
    texts.filter(which).map(({ run }) => run);
  return {
    open: { runs: only(() => true), restore },
    // A rule that replaces cannot ask for reasoning, as most is signed; what is not, it reads like any text.
    reasoning: { runs: only(({ thinking, replaces }) => thinking || replaces), restore },
    signed: { runs: only(({ thinking, replaces }) => thinking && !replaces), restore: false },
    echo: { runs: [], restore },
  };
}

export function isTextual(builtin: BuiltinRule['builtin']): builtin is TextBuiltin {
  return 'thinking' in builtin;
}
