import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import { isPostEvent } from '../contract/guardrail.ts';
import type {
  BuiltinRule,
  CallFacts,
  Decided,
  HookRule,
  RuleKeys,
  RulesSlice,
  Verdict,
  Wired,
} from '../contract/guardrail.ts';
import type { BodyFields } from '../contract/messages.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { applySplices } from '../protocols/body-edit.ts';
import { scanBody } from '../protocols/body-scan.ts';
import { formView, scanForm } from '../protocols/form-scan.ts';
import type { CallHook, HookOutcome } from './hooks/outcome.ts';
import { blockedBy, hookVerdict, NO_SUCH_HOOK, unavailable } from './hooks/verdict.ts';
import { Placeholders } from './placeholders.ts';
import { builtinStep, failedBuiltin } from './request/builtin-step.ts';
import type { BuiltinParts, BuiltinStep } from './request/builtin-step.ts';
import { Pace } from './request/pace.ts';
import { buildRuleSet, builtinsOn, byPreference, hooksAsked } from './request/rule-set.ts';
import type { RuleSet } from './request/rule-set.ts';
import { textsOf } from './request/texts.ts';
import type { BodyText } from './request/texts.ts';
import { textDetector } from './text-detector.ts';

export type { RuleSet } from './request/rule-set.ts';

export interface RequestToJudge {
  api: Api;
  /** As `scanBody` has seen it. */
  body: Uint8Array<ArrayBuffer>;
  /** The content type of a body that is a multipart form. */
  form?: string | undefined;
  wired: readonly Wired[];
  facts: CallFacts;
}

export interface JudgeParts {
  callHook: CallHook;
  nowMs: () => number;
  /** Told of a rule that threw: a bug, whose message may quote the prompt and so is in no verdict. */
  threw?: (rule: string, error: unknown) => void;
}

/** @throws Error with a sentence, for a pattern or a schema that cannot be used. */
export function compileRules(slice: RulesSlice, keys: RuleKeys, detectorFor = textDetector): RuleSet {
  return buildRuleSet(slice, keys, detectorFor);
}

/**
 * The life of a request under its rules: by descending preference, then by name, each sees what the one before left. A
 * block ends it, and nothing of what was changed before is forwarded. What cannot judge obeys its `fail_policy`; a name
 * that no rule has refuses, for somebody meant a rule by it. Shadow rules are recorded, and change and refuse nothing.
 */
export async function judgeRequest(
  set: RuleSet,
  request: RequestToJudge,
  parts: JudgeParts,
): Promise<{ decided: Decided; body: Uint8Array<ArrayBuffer> }> {
  const chain = new Chain(set, request, parts);
  const fault = chain.begin() ?? (await chain.run());
  const { verdicts, body, fields } = chain;
  if (fault !== undefined) {
    return { decided: { verdicts, fault, fields: undefined, placeholders: [] }, body: request.body };
  }
  const isSame = body === request.body || Buffer.compare(body, request.body) === 0;
  return {
    decided: {
      verdicts,
      fault: undefined,
      fields: isSame ? undefined : fields,
      placeholders: chain.placeholders.entries(),
    },
    body: isSame ? request.body : body,
  };
}

/** One request on its way through its rules. */
class Chain {
  readonly verdicts: Verdict[] = [];
  readonly placeholders: Placeholders;
  body: Uint8Array<ArrayBuffer>;
  /** Of a body that was changed. */
  fields: BodyFields | undefined;
  #texts: readonly BodyText[] | undefined;
  readonly #set: RuleSet;
  readonly #request: RequestToJudge;
  readonly #parts: JudgeParts;
  readonly #builtinParts: BuiltinParts;

  constructor(set: RuleSet, request: RequestToJudge, parts: JudgeParts) {
    this.#set = set;
    this.#request = request;
    this.#parts = parts;
    this.body = request.body;
    this.placeholders = new Placeholders(set.keys.placeholder, request.facts.login);
    this.#builtinParts = { set, placeholders: this.placeholders, pace: new Pace(), nowMs: parts.nowMs };
  }

  /** What refuses before any rule has looked. */
  begin(): Fault | undefined {
    return this.#unknownNames() ?? this.#twins();
  }

  async run(): Promise<Fault | undefined> {
    const { wired } = this.#request;
    const steps = [
      ...builtinsOn(this.#set, wired, 'request').map((rule) => ({ rule, take: () => this.#builtin(rule) })),
      ...hooksAsked(this.#set, wired, 'pre_request').map((hook) => ({
        rule: hook.rule,
        take: () => this.#hook(hook.rule, hook.wired),
      })),
    ].sort((a, b) => byPreference(a.rule, b.rule));
    for (const { take } of steps) {
      const fault = await take();
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #unknownNames(): Fault | undefined {
    for (const { name, events } of this.#request.wired) {
      if (this.#set.rules.has(name) || this.#set.disabled.has(name)) continue;
      const unusable = this.#set.unusable.get(name);
      // A hook that is told afterwards has no say in whether a request is sent; a built-in rule needs no events.
      if (events.length > 0 && events.every(isPostEvent)) continue;
      const why = unusable?.why ?? NO_SUCH_HOOK;
      // One that would be asked about the answer alone says so then, unless the request is refused for it now.
      const isAsked = events.length === 0 || events.includes('pre_request');
      if (!isAsked && unusable?.failPolicy === 'fail_open') continue;
      this.verdicts.push(this.#hookVerdict(name, this.#parts.nowMs(), 'error', why));
      if (unusable?.failPolicy !== 'fail_open') return unavailable(name, why);
    }
    return undefined;
  }

  /** With a rule in force, what was judged has to be what the provider reads: of two members it might read the other. */
  #twins(): Fault | undefined {
    const { wired } = this.#request;
    const builtins = [...builtinsOn(this.#set, wired, 'request'), ...builtinsOn(this.#set, wired, 'response')];
    const isInForce =
      builtins.some(({ builtin }) => !builtin.shadow) || hooksAsked(this.#set, wired, 'pre_request').length > 0;
    if (!isInForce) return undefined;
    const texts = textsOf(this.#request.api, this.body, this.#request.form);
    if (!texts.ok) return texts.fault;
    this.#texts = texts.value;
    return undefined;
  }

  async #builtin(rule: BuiltinRule): Promise<Fault | undefined> {
    const { name, builtin, failPolicy } = rule;
    const step = await this.#tried(rule);
    if (typeof step === 'string') {
      this.verdicts.push(failedBuiltin(rule, this.#builtinParts, step));
      return builtin.shadow || failPolicy === 'fail_open' ? undefined : unavailable(name, step);
    }
    this.verdicts.push(step.verdict);
    return step.blocked ? blockedBy(name, 'request', builtin.statusCode, builtin.message) : undefined;
  }

  /** The step, its edit made; or why the rule could not judge. */
  async #tried(rule: BuiltinRule): Promise<BuiltinStep | string> {
    try {
      const judged = {
        api: this.#request.api,
        body: this.body,
        json: () => this.#asJson(),
        texts: () => this.#textsNow(),
      };
      const step = await builtinStep(rule, judged, this.#builtinParts);
      if (step.splices.length === 0) return step;
      const taken = this.#take(applySplices(this.body, step.splices));
      return taken.ok ? step : `the body that it made is refused: ${taken.fault.code}`;
    } catch (error) {
      this.#parts.threw?.(rule.name, error);
      return `it failed: ${error instanceof Error ? error.name : 'unknown'}`;
    }
  }

  /** What rules and hooks that know JSON are shown. */
  #asJson(): Uint8Array {
    const { form } = this.#request;
    return form === undefined ? this.body : Buffer.from(JSON.stringify(formView(form, this.body) ?? {}));
  }

  #textsNow(): readonly BodyText[] {
    if (this.#texts !== undefined) return this.#texts;
    const texts = textsOf(this.#request.api, this.body, this.#request.form);
    // Only shadow rules come here with such a body.
    if (!texts.ok) throw new Error(texts.fault.code);
    this.#texts = texts.value;
    return texts.value;
  }

  async #hook(rule: HookRule, wired: Wired): Promise<Fault | undefined> {
    const { name, failPolicy } = rule;
    const atMs = this.#parts.nowMs();
    const outcome = this.#modified(await this.#asked(rule, wired));
    switch (outcome.kind) {
      case 'allow':
      case 'modify':
        this.verdicts.push(this.#hookVerdict(name, atMs, outcome.kind, null));
        return undefined;
      case 'block':
        this.verdicts.push(this.#hookVerdict(name, atMs, 'block', null));
        return blockedBy(name, 'request', outcome.status, outcome.message);
      case 'failed':
        this.verdicts.push(this.#hookVerdict(name, atMs, 'error', outcome.why));
        return failPolicy === 'fail_open' ? undefined : unavailable(name, outcome.why);
    }
  }

  async #asked(rule: HookRule, wired: Wired): Promise<HookOutcome> {
    const { api, facts } = this.#request;
    try {
      return await this.#parts.callHook(rule, wired, { api, body: this.#asJson(), facts });
    } catch (error) {
      this.#parts.threw?.(rule.name, error);
      return { kind: 'failed', why: 'it could not be asked' };
    }
  }

  /** Takes the body that a hook gave; one that no client could have sent is a failure of the hook. */
  #modified(outcome: HookOutcome): HookOutcome {
    if (outcome.kind !== 'modify') return outcome;
    if (this.#request.form !== undefined) return { kind: 'failed', why: 'a hook cannot change a form' };
    const taken = this.#take(outcome.body);
    return taken.ok ? outcome : { kind: 'failed', why: `the body that it gave is refused: ${taken.fault.code}` };
  }

  #take(body: Uint8Array<ArrayBuffer>): Result<undefined, Fault> {
    const { api, form } = this.#request;
    const scanned = form === undefined ? scanBody(api, body) : scanForm(form, body);
    if (!scanned.ok) return failed(scanned.fault);
    const texts = textsOf(api, body, form);
    if (!texts.ok) return failed(texts.fault);
    this.body = body;
    this.fields = scanned.value;
    this.#texts = texts.value;
    return ok(undefined);
  }

  #hookVerdict(rule: string, atMs: number, action: Verdict['action'], error: string | null): Verdict {
    return hookVerdict('request', rule, { atMs, untilMs: this.#parts.nowMs() }, action, error);
  }
}
