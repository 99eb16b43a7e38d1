import type { Api } from '../../contract/api.ts';
import { isHeuristic } from '../../contract/guardrail.ts';
import type { BuiltinRule, TextBuiltin, Verdict } from '../../contract/guardrail.ts';
import { unreachable } from '../../lib/result.ts';
import type { Splice } from '../../protocols/body-edit.ts';
import type { Placeholders } from '../placeholders.ts';
import type { Breach } from '../rules/breach.ts';
import { judgeParameters } from '../rules/parameters.ts';
import { judgePromptSize } from '../rules/prompt-size.ts';
import { judgeOfferedTools } from '../rules/tool-policy.ts';
import { Tally } from '../tally.ts';
import { applyHeuristic } from './heuristic.ts';
import type { Pace } from './pace.ts';
import { detectorOf, isTextBuiltin, policyOf } from './rule-set.ts';
import type { RuleSet } from './rule-set.ts';
import { applyTextRule } from './text-rule.ts';
import type { BodyText } from './texts.ts';

/** What a built-in rule makes of a request. */
export interface BuiltinStep {
  verdict: Verdict;
  blocked: boolean;
  splices: Splice[];
}

export interface Judged {
  api: Api;
  body: Uint8Array;
  /** The body as JSON, of a form its fields. */
  json: () => Uint8Array;
  /** Read when a rule asks for them: not all do. */
  texts: () => readonly BodyText[];
}

export interface BuiltinParts {
  set: RuleSet;
  placeholders: Placeholders;
  pace: Pace;
  nowMs: () => number;
}

/** Names of tools are the client's own, and a verdict is no place for a novel. */
const KIND_CHARS = 128;

/** Judges a request by one built-in rule. Throws where the rule cannot look: its `fail_policy` says what then. */
export async function builtinStep(rule: BuiltinRule, judged: Judged, parts: BuiltinParts): Promise<BuiltinStep> {
  const { builtin } = rule;
  const tally = tallyOf(rule, parts);
  if (isTextBuiltin(builtin)) return textStep(rule, builtin, tally, judged, parts);
  if (isHeuristic(builtin)) {
    await applyHeuristic(builtin, tally, judged.body, judged.texts(), parts.pace);
    return { verdict: tally.verdict('flag', parts.nowMs()), blocked: false, splices: [] };
  }
  const place = builtin.kind === 'tool_policy' ? 'tools' : builtin.kind === 'parameters' ? 'parameters' : 'text';
  tally.read(place, 0);
  for (const { kind, value } of breachesOf(rule, judged, parts.set)) tally.match(kind.slice(0, KIND_CHARS), value);
  return {
    verdict: tally.verdict(builtin.action, parts.nowMs()),
    blocked: builtin.action === 'block' && !builtin.shadow && tally.found,
    splices: [],
  };
}

/** The verdict of a rule that could not look. */
export function failedBuiltin(rule: BuiltinRule, parts: BuiltinParts, why: string): Verdict {
  return tallyOf(rule, parts).verdict('error', parts.nowMs(), why);
}

function tallyOf({ name, builtin }: BuiltinRule, { set, nowMs }: BuiltinParts): Tally {
  const { kind, shadow } = builtin;
  return new Tally({ rule: name, type: kind, side: 'request', shadow, matchKey: set.keys.match, atMs: nowMs() });
}

function breachesOf(rule: BuiltinRule, { api, body, json }: Judged, set: RuleSet): Breach[] {
  const { builtin } = rule;
  switch (builtin.kind) {
    case 'tool_policy':
      return judgeOfferedTools(policyOf(set, rule), json());
    case 'parameters':
      return judgeParameters(builtin, api, json());
    case 'prompt_size':
      return judgePromptSize(builtin, api, body);
    case 'personal_data':
    case 'secrets':
    case 'words':
    case 'regex':
    case 'prompt_injection':
    case 'language':
      return [];
    default:
      return unreachable(builtin);
  }
}

async function textStep(
  rule: BuiltinRule,
  builtin: TextBuiltin,
  tally: Tally,
  { body, texts }: Judged,
  { set, placeholders, pace, nowMs }: BuiltinParts,
): Promise<BuiltinStep> {
  const { action, shadow, thinking } = builtin;
  const run = { name: rule.name, action, shadow, detector: detectorOf(set, rule), tally };
  const outcome = await applyTextRule(run, body, texts(), { placeholders, thinking, pace });
  const { blocked, splices, error } = outcome;
  // All that was found stands in signed blocks: a verdict that says "redact" would say what was not done.
  const isOnlySeen = !shadow && action !== 'block' && !blocked && splices.length === 0;
  const verdict = tally.verdict(blocked ? 'block' : isOnlySeen ? 'flag' : action, nowMs());
  return { verdict: { ...verdict, error }, blocked, splices };
}
