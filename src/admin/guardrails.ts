import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import type { Fault } from '../contract/fault.ts';
import type { Builtin, Rule, RulesSlice } from '../contract/guardrail.ts';
import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { answered, postedByAdmin, refusal } from './question.ts';
import { tryRules } from './rule-trial.ts';
import type { RuleEngine, Trial } from './rule-trial.ts';
import { TRIAL_APIS } from './trial-body.ts';

export const GUARDRAILS_TEST_PATH = '/api/guardrails/test';

/** Of the whole question: rules run on it at once, on a thread that has other work. */
export const GUARDRAILS_TEST_BYTES = 256 * 1024;

const MOST_RULES = 100;
const NAME_CHARACTERS = 256;

/** Of the rules that are named, in the audit log. */
const TARGET_CHARACTERS = 600;

/** The name of a rule that stands in the question. */
const INLINE = 'builtin';

export interface RulesDesk {
  /** Of the running config. */
  rules: () => RulesSlice;
  /** `hooks.<name>.builtin`, as a config reads it. A fault ends a sentence that begins with where it is. */
  readBuiltin: (written: unknown) => Result<Builtin, { where: string; why: string }>;
  engine: RuleEngine;
  /** Notes who tries what, nothing of the text. Before it is tried: with `call_hooks`, others are told of it. */
  tested: (caller: Caller, what: { target: string; side: string; call_hooks: boolean }) => Promise<Result<void, Fault>>;
  nowMs: () => number;
}

const name = z.string().max(NAME_CHARACTERS, { error: `is longer than ${NAME_CHARACTERS} characters` });

export const TrialWish = z
  .strictObject({
    hook: name.optional(),
    hooks: z.array(name).min(1, { error: 'is empty' }).max(MOST_RULES, { error: 'names too many' }).optional(),
    builtin: z.unknown().optional(),
    side: z.enum(['request', 'response'], { error: 'must be request or response' }).default('request'),
    api: z.enum(TRIAL_APIS, { error: `must be one of ${TRIAL_APIS.join(', ')}` }).default('openai_chat'),
    text: z.string().optional(),
    body: z.record(z.string(), z.unknown(), { error: 'must be a JSON object' }).optional(),
    call_hooks: z.boolean({ error: 'must be true or false' }).default(false),
  })
  .refine(({ text, body }) => (text === undefined) !== (body === undefined), {
    error: 'give "text" or "body", and not both',
  })
  .refine((wish) => [wish.hook, wish.hooks, wish.builtin].filter((each) => each !== undefined).length <= 1, {
    error: 'give one of "hook", "hooks" and "builtin", or none for all rules in force',
  });
export type TrialWish = z.output<typeof TrialWish>;

/** `POST /api/guardrails/test`, for admins alone. */
export async function answerGuardrailsTest(desk: RulesDesk, question: AdminQuestion): Promise<AdminAnswer> {
  if (question.body.byteLength > GUARDRAILS_TEST_BYTES) {
    return refusal({ code: 'body_too_large', limitBytes: GUARDRAILS_TEST_BYTES, decoded: false });
  }
  const wish = postedByAdmin(TrialWish, question);
  if (!wish.ok) return refusal(wish.fault);
  const { caller } = question;
  const trial = trialOf(desk, wish.value, caller.login);
  if (!trial.ok) return refusal(trial.fault);
  const { hook, hooks, builtin, side, call_hooks } = wish.value;
  const target = builtin === undefined ? (hook ?? (hooks ?? []).join(',')) : INLINE;
  const noted = await desk.tested(caller, { target: target.slice(0, TARGET_CHARACTERS), side, call_hooks });
  return noted.ok ? answered(200, await tryRules(trial.value, desk.engine, desk.nowMs)) : refusal(noted.fault);
}

/** What is asked for, with the rules that it names. */
export function trialOf(
  desk: Pick<RulesDesk, 'rules' | 'readBuiltin'>,
  wish: TrialWish,
  login: string,
): Result<Trial, Fault> {
  const rules = rulesOf(desk, wish);
  if (!rules.ok) return rules;
  const { side, api, text, body, call_hooks: callHooks } = wish;
  const input: Trial['input'] = text === undefined ? { kind: 'body', body: body ?? {} } : { kind: 'text', text };
  return ok({ side, api, rules: rules.value, input, login, callHooks });
}

function rulesOf(desk: Pick<RulesDesk, 'rules' | 'readBuiltin'>, wish: TrialWish): Result<Rule[], Fault> {
  if (wish.builtin !== undefined) {
    const read = desk.readBuiltin(wish.builtin);
    if (!read.ok) return wrong(['builtin', read.fault.where].filter((part) => part !== '').join('.'), read.fault.why);
    return ok([{ type: 'builtin', name: INLINE, preference: 0, failPolicy: 'fail_closed', builtin: read.value }]);
  }
  const slice = desk.rules();
  const named = wish.hook === undefined ? wish.hooks : [wish.hook];
  if (named === undefined) return ok(slice.rules);
  for (const each of named) {
    const why = whyNone(slice, each);
    if (why !== undefined) return wrong(wish.hook === undefined ? 'hooks' : 'hook', why);
  }
  return ok(slice.rules.filter((rule) => named.includes(rule.name)));
}

function whyNone({ rules, disabled, unusable }: RulesSlice, asked: string): string | undefined {
  if (rules.some((rule) => rule.name === asked)) return undefined;
  const shown = JSON.stringify(asked);
  if (disabled.includes(asked)) return `${shown} is switched off`;
  const hook = unusable.find((each) => each.name === asked);
  return hook === undefined ? `there is no ${shown} in the config` : `${shown} cannot be called: ${hook.why}`;
}

function wrong(parameter: string, why: string): Result<never, Fault> {
  return failed({ code: 'bad_parameter', name: parameter, why });
}
