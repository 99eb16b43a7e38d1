import { readableStrings } from '../admin/readable-strings.ts';
import type { RuleEngine } from '../admin/rule-trial.ts';
import type { Fault } from '../contract/fault.ts';
import type { BuiltinRule, Rule, RuleKeys, Side, Verdict } from '../contract/guardrail.ts';
import { ruleId } from '../contract/ids.ts';
import { Tally } from '../guardrails/tally.ts';
import { textDetector } from '../guardrails/text-detector.ts';

/**
 * Stands in until the pipeline is merged: judges the strings of a body by the rules on texts, calls no hook and edits
 * nothing. To be made of `compileRules`, `judgeRequest` and `openGuard`.
 */
export function createRuleEngine(keys: RuleKeys, nowMs: () => number): RuleEngine {
  const judge = (rules: readonly Rule[], side: Side, bytes: Uint8Array): { verdicts: Verdict[]; fault?: Fault } => {
    const texts = readableStrings(JSON.parse(new TextDecoder().decode(bytes)));
    const verdicts: Verdict[] = [];
    for (const rule of rules) {
      if (rule.type === 'hook') continue;
      const { verdict, fault } = judgeBuiltin(rule, side, texts, keys, nowMs);
      verdicts.push(verdict);
      if (fault !== undefined) return { verdicts, fault };
    }
    return { verdicts };
  };
  return {
    keys,
    judge: (rules, { body }) => {
      const { verdicts, fault } = judge(rules, 'request', body);
      return Promise.resolve({ decided: { verdicts, fault, fields: undefined, placeholders: [] }, body });
    },
    guard: (rules, { body }) => {
      const { verdicts, fault } = judge(rules, 'response', body);
      return Promise.resolve({ sent: body, refused: fault, verdicts });
    },
  };
}

function judgeBuiltin(
  { name, builtin }: BuiltinRule,
  side: Side,
  texts: readonly { text: string }[],
  keys: RuleKeys,
  nowMs: () => number,
): { verdict: Verdict; fault?: Fault } {
  const { kind, shadow, action } = builtin;
  const tally = new Tally({ rule: name, type: kind, side, shadow, matchKey: keys.match, atMs: nowMs() });
  if ('thinking' in builtin) {
    for (const { text } of texts) {
      tally.read('text', text.length);
      for (const match of textDetector(builtin).find(text, 0, true).matches) {
        tally.match(match.kind, text.slice(match.start, match.end));
      }
    }
  }
  const verdict = tally.verdict(action, nowMs());
  if (verdict.action !== 'block' || shadow) return { verdict };
  const { statusCode: status, message } = builtin;
  return { verdict, fault: { code: 'guardrail_blocked', rule: ruleId(name), side, status, message } };
}
