import type { SendHook } from '../access/grant-input.ts';
import type { Rule, RulesSlice, Side } from '../contract/guardrail.ts';

/** A hook or rule that the grants attach to a model, in the order in which they run. */
export interface RuleExplanation {
  name: string;
  /**
   * `unusable`: a hook that cannot be called as it is configured. `unknown`: nothing has this name, so what names it is
   * refused.
   */
  state: 'in force' | 'disabled' | 'unusable' | 'unknown';
  /** `hook`, or the kind of the rule; null where it is not in force. */
  kind: string | null;
  /** Of a rule of the gateway itself. */
  action: string | null;
  /** Of a rule of the gateway itself. */
  sides: Side[];
  shadow: boolean;
  /** Of a hook: when it is called. */
  events: string[];
  fail_policy: string | null;
}

/** `rules` undefined: of a world without any. */
export function explainRules(wired: readonly SendHook[], rules: RulesSlice | undefined): RuleExplanation[] {
  const names = new Map(wired.map((hook) => [hook.name, hook]));
  const inForce = (rules?.rules ?? []).filter(({ name }) => names.has(name));
  const others = wired.filter(({ name }) => inForce.every((rule) => rule.name !== name));
  return [
    ...inForce.map((rule) => ofRule(rule, names.get(rule.name)?.events ?? [])),
    ...others.map((hook) => ofOther(hook, rules)),
  ];
}

function ofRule(rule: Rule, events: readonly string[]): RuleExplanation {
  const { name, failPolicy: fail_policy } = rule;
  if (rule.type === 'hook') {
    return {
      name,
      state: 'in force',
      kind: 'hook',
      action: null,
      sides: [],
      shadow: false,
      events: [...events],
      fail_policy,
    };
  }
  const { kind, action, sides, shadow } = rule.builtin;
  return { name, state: 'in force', kind, action, sides: [...sides], shadow, events: [], fail_policy };
}

function ofOther({ name, events }: SendHook, rules: RulesSlice | undefined): RuleExplanation {
  const unusable = rules?.unusable.find((hook) => hook.name === name);
  const state = unusable !== undefined ? 'unusable' : rules?.disabled.includes(name) === true ? 'disabled' : 'unknown';
  return {
    name,
    state,
    kind: unusable === undefined ? null : 'hook',
    action: null,
    sides: [],
    shadow: false,
    events: [...events],
    fail_policy: unusable?.failPolicy ?? null,
  };
}

/** One line for people. */
export function ruleText(rule: RuleExplanation): string {
  const { name, state, kind, action, sides, shadow, events, fail_policy } = rule;
  switch (state) {
    case 'unknown':
      return `${name}: does not exist, so these requests are refused`;
    case 'disabled':
      return `${name}: switched off`;
    case 'unusable':
      return `${name}: cannot be called as it is configured (${fail_policy ?? ''})`;
    case 'in force':
      return kind === 'hook'
        ? `${name}: hook, ${events.length === 0 ? 'never called' : `on ${events.join(', ')}`} (${fail_policy ?? ''})`
        : `${name}: ${kind ?? ''}, ${action ?? ''}${shadow ? ' (shadow: only recorded)' : ''}, looks at ${sides.join(' and ')}`;
  }
}
