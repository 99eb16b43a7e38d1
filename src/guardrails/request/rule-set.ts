import type {
  Builtin,
  BuiltinRule,
  HookRule,
  Rule,
  RuleKeys,
  RulesSlice,
  Side,
  TextBuiltin,
  Wired,
} from '../../contract/guardrail.ts';
import { assert, unreachable } from '../../lib/result.ts';
import type { TextDetector } from '../detector.ts';
import { compileToolPolicy, judgeToolCall } from '../rules/tool-policy.ts';
import type { CompiledToolPolicy } from '../rules/tool-policy.ts';

/** Compiled from a `RulesSlice`: detectors and schemas, once per world. */
export interface RuleSet {
  rules: ReadonlyMap<string, Rule>;
  disabled: ReadonlySet<string>;
  unusable: ReadonlyMap<string, RulesSlice['unusable'][number]>;
  detectors: ReadonlyMap<string, TextDetector>;
  policies: ReadonlyMap<string, CompiledToolPolicy>;
  keys: RuleKeys;
}

/** @throws Error with a sentence, for a pattern or a schema that cannot be used: config has refused those before. */
export function buildRuleSet(
  slice: RulesSlice,
  keys: RuleKeys,
  textDetector: (builtin: TextBuiltin) => TextDetector,
): RuleSet {
  const detectors = new Map<string, TextDetector>();
  const policies = new Map<string, CompiledToolPolicy>();
  for (const rule of slice.rules) {
    if (rule.type === 'hook') continue;
    const { name, builtin } = rule;
    if (isTextBuiltin(builtin)) detectors.set(name, textDetector(builtin));
    else if (builtin.kind === 'tool_policy') policies.set(name, compileToolPolicy(builtin));
  }
  return {
    rules: new Map(slice.rules.map((rule) => [rule.name, rule])),
    disabled: new Set(slice.disabled),
    unusable: new Map(slice.unusable.map((hook) => [hook.name, hook])),
    detectors,
    policies,
    keys,
  };
}

/** One that looks for something in texts. */
export function isTextBuiltin(builtin: Builtin): builtin is TextBuiltin {
  switch (builtin.kind) {
    case 'personal_data':
    case 'secrets':
    case 'words':
    case 'regex':
      return true;
    case 'tool_policy':
    case 'parameters':
    case 'prompt_size':
    case 'prompt_injection':
    case 'language':
      return false;
    default:
      return unreachable(builtin);
  }
}

/** Rules run by descending preference, then by name; compared by code units, as the same everywhere. */
export function byPreference(a: { preference: number; name: string }, b: { preference: number; name: string }): number {
  return b.preference - a.preference || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** The built-in rules that look at a side of an exchange, in order, each once. */
export function builtinsOn(set: RuleSet, wired: readonly Pick<Wired, 'name'>[], side: Side): BuiltinRule[] {
  const names = new Set(wired.map(({ name }) => name));
  return [...names]
    .map((name) => set.rules.get(name))
    .filter((rule) => rule?.type === 'builtin')
    .filter(({ builtin }) => builtin.sides.includes(side))
    .sort(byPreference);
}

/** The hooks that are asked before a request is sent, or before its answer goes on, with what they are told, in order. */
export function hooksAsked(
  set: RuleSet,
  wired: readonly Wired[],
  event: 'pre_request' | 'response',
): { rule: HookRule; wired: Wired }[] {
  return joined(wired)
    .filter(({ events }) => events.includes(event))
    .flatMap((one) => {
      const rule = set.rules.get(one.name);
      return rule?.type === 'hook' ? [{ rule, wired: one }] : [];
    })
    .sort((a, b) => byPreference(a.rule, b.rule));
}

/** One entry a name: a hook that two grants name is asked once, and told what both of them say. */
function joined(wired: readonly Wired[]): Wired[] {
  const byName = new Map<string, Wired>();
  for (const { name, events, send } of wired) {
    const before = byName.get(name);
    byName.set(name, {
      name,
      events: [...new Set([...(before?.events ?? []), ...events])],
      send: [...new Set([...(before?.send ?? []), ...send])],
    });
  }
  return [...byName.values()];
}

export function detectorOf(set: RuleSet, { name }: { name: string }): TextDetector {
  const detector = set.detectors.get(name);
  assert(detector !== undefined, `a detector of the rule ${name}`);
  return detector;
}

export function policyOf(set: RuleSet, { name }: { name: string }): CompiledToolPolicy {
  const policy = set.policies.get(name);
  assert(policy !== undefined, `a policy of the rule ${name}`);
  return policy;
}

/** Why a call of a response is refused by a rule; undefined where it is not, or the rule is about something else. */
export function refusedCall(
  set: RuleSet,
  { name, builtin }: BuiltinRule,
  call: { name: string; arguments: string },
): string | undefined {
  return builtin.kind === 'tool_policy' ? judgeToolCall(policyOf(set, { name }), call) : undefined;
}
