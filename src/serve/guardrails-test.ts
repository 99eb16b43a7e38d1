import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { GUARDRAILS_TEST_BYTES, GUARDRAILS_TEST_PATH, TrialWish, trialOf } from '../admin/guardrails.ts';
import type { RulesDesk } from '../admin/guardrails.ts';
import { tryRules } from '../admin/rule-trial.ts';
import type { RuleEngine } from '../admin/rule-trial.ts';
import { answerTo } from '../contract/fault.ts';
import type { RuleKeys, RulesSlice } from '../contract/guardrail.ts';
import { answerBytesFor, createHookCaller } from '../guardrails/hooks/call.ts';
import type { CallHook } from '../guardrails/hooks/outcome.ts';
import { systemClock } from '../lib/clock.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { createEgress, HOOK_EGRESS } from '../sinks/egress.ts';
import type { Loaded } from '../../config/load.ts';
import { pathText } from '../../config/problem.ts';
import { readConfig } from '../../config/read.ts';
import { rulesOf } from '../../config/rules.ts';
import { createRuleEngine } from './rule-engine.ts';
import { ShownTrial, trialText } from './show-trial.ts';

/** Hooks take as long as their timeouts say, one after the other. */
const ANSWER_WITHIN_MS = 60_000;

/** What `POST /api/guardrails/test` is answered with; for the thread that answers it. */
export function createRulesDesk(
  rules: () => RulesSlice,
  engine: RuleEngine,
  tested: RulesDesk['tested'] = () => Promise.resolve(ok(undefined)),
): RulesDesk {
  return { rules, readBuiltin, engine, tested, nowMs: () => systemClock.nowMs() };
}

/** As a config is read, with the words of `check-config`. */
const readBuiltin: RulesDesk['readBuiltin'] = (written) => {
  const whole = { hooks: { builtin: { builtin: written } } };
  const { config, findings } = readConfig(whole, whole);
  const [first] = findings;
  const builtin = config.hooks['builtin']?.builtin;
  if (first === undefined && builtin !== undefined) return ok(builtin);
  return failed({ where: pathText(first?.path.slice(3) ?? []), why: first?.message ?? 'is no rule' });
};

export interface GuardrailsTestOptions {
  url: string;
  hook: string[];
  builtin?: string;
  text?: string;
  file?: string;
  side?: string;
  api?: string;
  callHooks: boolean;
  json: boolean;
}

/**
 * `aperture guardrails test`: tries rules on a text or a body. With a config, here and without a gateway; else asks a
 * running one. Returns the exit code: 0 it would go on, 1 it could not be tried, 2 it would be refused.
 */
export async function guardrailsTest(
  options: GuardrailsTestOptions,
  loaded: Loaded | undefined,
  say: (text: string) => void,
): Promise<number> {
  const wish = wishOf(options);
  if (!wish.ok) {
    say(wish.fault);
    return 1;
  }
  const answer = loaded === undefined ? await ask(options.url, wish.value) : await tryHere(loaded, wish.value);
  if (!answer.ok) {
    say(answer.fault);
    return 1;
  }
  say(options.json ? JSON.stringify(answer.value, null, 2) : trialText(answer.value));
  return answer.value.refused === null ? 0 : 2;
}

/** As the API takes it; a fault is a sentence. */
function wishOf(options: GuardrailsTestOptions): Result<Record<string, unknown>, string> {
  const { hook, builtin, text, file, side, api, callHooks } = options;
  if ((text === undefined) === (file === undefined)) return failed('give --text or --file, and not both');
  if (builtin !== undefined && hook.length > 0) return failed('give --hook or --builtin, and not both');
  const body = file === undefined ? ok(undefined) : jsonOf(`the file ${file}`, () => readFileSync(file, 'utf8'));
  if (!body.ok) return body;
  const rule = builtin === undefined ? ok(undefined) : jsonOf('--builtin', () => builtin);
  if (!rule.ok) return rule;
  const hooks = hook.length === 0 ? undefined : hook;
  return ok({ hooks, builtin: rule.value, side, api, text, body: body.value, call_hooks: callHooks });
}

function jsonOf(what: string, read: () => string): Result<unknown, string> {
  try {
    return ok(JSON.parse(read()));
  } catch (error) {
    return failed(error instanceof SyntaxError ? `${what} is not JSON` : `${what} cannot be read`);
  }
}

async function ask(url: string, wish: Record<string, unknown>): Promise<Result<ShownTrial, string>> {
  const response = await fetch(`${url}${GUARDRAILS_TEST_PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(wish),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const text = await response.text();
  if (!response.ok) return failed(`${url} answered ${response.status}: ${text}`);
  return ok(ShownTrial.parse(JSON.parse(text)));
}

async function tryHere({ config }: Loaded, wish: Record<string, unknown>): Promise<Result<ShownTrial, string>> {
  const read = TrialWish.safeParse(wish);
  if (!read.success) {
    const [issue] = read.error.issues;
    return failed([issue?.path.join('.'), issue?.message].filter((part) => part !== '').join(' '));
  }
  const rules = rulesOf(config);
  const nowMs = (): number => systemClock.nowMs();
  const engine = createRuleEngine(passingKeys(), hookCaller(rules), nowMs);
  const desk = createRulesDesk(() => rules, engine);
  const trial = trialOf(desk, read.data, '(test)');
  if (!trial.ok) return failed(answerTo(trial.fault).message.replace(/^gateway: parameter /, ''));
  return ok(ShownTrial.parse(await tryRules(trial.value, engine, desk.nowMs)));
}

/** Hooks are called from here, as the gateway would call them. */
function hookCaller({ egress }: RulesSlice): CallHook {
  const ca = egress.caFile === undefined ? undefined : readFileSync(egress.caFile, 'utf8');
  return createHookCaller(createEgress({ allow: egress.allow, ca }, HOOK_EGRESS), {
    unlimitedMs: ANSWER_WITHIN_MS,
    answerBytes: answerBytesFor(GUARDRAILS_TEST_BYTES),
  });
}

/** The gateway's own secret is not needed to see what rules find: placeholders differ from those of a running gateway. */
function passingKeys(): RuleKeys {
  return { placeholder: randomBytes(32), match: randomBytes(32) };
}
