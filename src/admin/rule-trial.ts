import type { Api } from '../contract/api.ts';
import { answerTo } from '../contract/fault.ts';
import type { Fault } from '../contract/fault.ts';
import { isHeuristic } from '../contract/guardrail.ts';
import type {
  BuiltinRule,
  CallFacts,
  Decided,
  Rule,
  RuleKeys,
  Side,
  TextBuiltin,
  Verdict,
  Wired,
} from '../contract/guardrail.ts';
import type { TextDetector } from '../guardrails/detector.ts';
import { Placeholders } from '../guardrails/placeholders.ts';
import { Tally } from '../guardrails/tally.ts';
import { textDetector } from '../guardrails/text-detector.ts';
import { TextWindow } from '../guardrails/window.ts';
import type { Cut } from '../guardrails/window.ts';
import { readableStrings } from './readable-strings.ts';
import { trialBody, trialPath } from './trial-body.ts';
import type { TrialApi } from './trial-body.ts';

/** Judges as requests and responses are judged, made of the guardrails room by a root. */
export interface RuleEngine {
  keys: RuleKeys;
  /** Hooks among the rules are called. */
  judge(
    rules: readonly Rule[],
    request: { api: Api; body: Uint8Array<ArrayBuffer>; wired: Wired[]; facts: CallFacts },
  ): Promise<{ decided: Decided; body: Uint8Array }>;
  /** A whole response, as a client would get it that did not ask for a stream. Hooks among the rules are called. */
  guard(
    rules: readonly Rule[],
    response: { api: Api; body: Uint8Array<ArrayBuffer>; wired: Wired[]; facts: CallFacts },
  ): Promise<{ sent: Uint8Array; refused: Fault | undefined; verdicts: Verdict[] }>;
}

export interface Trial {
  side: Side;
  api: TrialApi;
  /** In the order in which they run. */
  rules: readonly Rule[];
  /** A text by itself, or a whole body. */
  input: { kind: 'text'; text: string } | { kind: 'body'; body: Record<string, unknown> };
  /** Whose placeholders are made. */
  login: string;
  callHooks: boolean;
}

export interface TrialAnswer {
  side: Side;
  api: TrialApi;
  /** Null: it would go on. */
  refused: { rule: string | null; code: string; status: number; message: string } | null;
  verdicts: (Omit<Verdict, 'at_ms'> & { at: string })[];
  texts: TextAnswer[];
  /** As it would go on; null where a text was tried, and where it was refused. */
  body: unknown;
  not_run: { name: string; why: string }[];
}

export interface TextAnswer {
  /** `text`, or where it stands in the body. */
  where: string;
  characters: number;
  /** Half-open ranges of UTF-16 units. */
  finds: { rule: string; kind: string; start: number; end: number }[];
  /** What the provider (of a request) or the client (of a response) gets; null where it is refused. */
  goes_on: string | null;
  /** What journal and capture keep; null where it is refused. */
  kept: string | null;
}

type TextRule = BuiltinRule & { builtin: TextBuiltin };

/** Of one text; what is found beyond is counted in the verdict. */
const FINDS_SHOWN = 1_000;

/** Runs rules on what an admin has typed. Nothing is sent to a provider, recorded or counted. */
export async function tryRules(trial: Trial, engine: RuleEngine, nowMs: () => number): Promise<TrialAnswer> {
  const { run, notRun } = chosen(trial);
  const judged = await judge(trial, run, engine);
  const reader = new TextReader(run.filter(isTextRule), engine.keys, trial, nowMs());
  const texts =
    trial.input.kind === 'text'
      ? [reader.read('text', trial.input.text)]
      : readableStrings(trial.input.body)
          .map(({ where, text }) => reader.read(where, text))
          .filter(({ finds }) => finds.length > 0);
  const isWhole = trial.input.kind === 'body' && judged.fault === undefined;
  return {
    side: trial.side,
    api: trial.api,
    refused: judged.fault === undefined ? null : refusedBy(judged.fault),
    verdicts: judged.verdicts.map(({ at_ms, ...verdict }) => ({ ...verdict, at: new Date(at_ms).toISOString() })),
    texts: judged.fault === undefined ? texts : texts.map((text) => ({ ...text, goes_on: null, kept: null })),
    body: isWhole ? readJson(judged.body) : null,
    not_run: notRun,
  };
}

function chosen({ rules, side, input, callHooks }: Trial): { run: Rule[]; notRun: TrialAnswer['not_run'] } {
  const run: Rule[] = [];
  const notRun: TrialAnswer['not_run'] = [];
  for (const rule of rules) {
    const why = whyNot(rule, side, input.kind, callHooks);
    if (why === undefined) run.push(rule);
    else notRun.push({ name: rule.name, why });
  }
  return { run, notRun };
}

function whyNot(rule: Rule, side: Side, input: 'text' | 'body', callHooks: boolean): string | undefined {
  if (rule.type === 'hook') return callHooks ? undefined : 'an external hook is called only with "call_hooks"';
  if (!rule.builtin.sides.includes(side)) return `it does not look at the ${side}`;
  return input === 'text' && !isTextRule(rule) && !isHeuristic(rule.builtin)
    ? `a rule of the kind ${rule.builtin.kind} looks at a body`
    : undefined;
}

function isTextRule(rule: Rule): rule is TextRule {
  return rule.type === 'builtin' && 'thinking' in rule.builtin;
}

interface Judged {
  fault: Fault | undefined;
  verdicts: Verdict[];
  body: Uint8Array;
}

async function judge({ side, api, input, login }: Trial, run: readonly Rule[], engine: RuleEngine): Promise<Judged> {
  const whole = input.kind === 'text' ? trialBody(api, side, input.text) : input.body;
  const body = new TextEncoder().encode(JSON.stringify(whole));
  const model = typeof whole['model'] === 'string' ? whole['model'] : '';
  const facts = factsOf(api, login, model);
  const wired = run.map(({ name }): Wired => ({ name, ...ASKED[side] }));
  if (side === 'response') {
    const { sent, refused, verdicts } = await engine.guard(run, { api, body, wired, facts });
    return { fault: refused, verdicts, body: sent };
  }
  const judged = await engine.judge(run, { api, body, wired, facts });
  return { fault: judged.decided.fault, verdicts: judged.decided.verdicts, body: judged.body };
}

/** What hooks are told of what is tried: all of it. */
const ASKED: Record<Side, Pick<Wired, 'events' | 'send'>> = {
  request: { events: ['pre_request'], send: ['request_body', 'user_message'] },
  response: { events: ['response'], send: ['response_body', 'raw_responses', 'tools'] },
};

function factsOf(api: TrialApi, login: string, model: string): CallFacts {
  return {
    login,
    nodeId: '',
    tailnet: '',
    userAgent: 'aperture guardrails test',
    path: trialPath(api),
    model,
    provider: '',
    requestId: 'guardrails-test',
    sessionId: '',
    grants: {},
    quotas: {},
  };
}

function refusedBy(fault: Fault): NonNullable<TrialAnswer['refused']> {
  const { code, status, message } = answerTo(fault);
  return { rule: 'rule' in fault ? fault.rule : null, code, status, message };
}

function readJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Reads texts one by one with the same rules. */
class TextReader {
  readonly #rules: readonly { rule: TextRule; detector: TextDetector }[];
  readonly #keys: RuleKeys;
  readonly #placeholders: Placeholders;
  readonly #side: Side;
  readonly #atMs: number;

  constructor(rules: readonly TextRule[], keys: RuleKeys, { side, login }: Trial, atMs: number) {
    this.#rules = rules.map((rule) => ({ rule, detector: textDetector(rule.builtin) }));
    this.#keys = keys;
    this.#placeholders = new Placeholders(keys.placeholder, login);
    this.#side = side;
    this.#atMs = atMs;
  }

  read(where: string, text: string): TextAnswer {
    const finds = this.#rules.flatMap(({ rule, detector }) =>
      detector.find(text, 0, true).matches.map(({ kind, start, end }) => ({ rule: rule.name, kind, start, end })),
    );
    const cuts = finds.length === 0 ? [] : this.#cutsOf(text);
    const isRefused = cuts.some(({ blockedBy }) => blockedBy !== undefined);
    const kept = isRefused ? null : spliced(text, cuts, 'kept');
    return {
      where,
      characters: text.length,
      finds: finds.slice(0, FINDS_SHOWN),
      goes_on: isRefused || this.#side === 'request' ? kept : spliced(text, cuts, 'sent'),
      kept,
    };
  }

  #cutsOf(text: string): readonly Cut[] {
    const runs = this.#rules.map(({ rule, detector }) => ({
      name: rule.name,
      action: rule.builtin.action,
      shadow: rule.builtin.shadow,
      detector,
      tally: new Tally({
        rule: rule.name,
        type: rule.builtin.kind,
        side: this.#side,
        shadow: rule.builtin.shadow,
        matchKey: this.#keys.match,
        atMs: this.#atMs,
      }),
    }));
    const window = new TextWindow(runs, this.#placeholders, false);
    window.push(text);
    window.end();
    return window.cuts;
  }
}

function spliced(text: string, cuts: readonly Cut[], side: 'kept' | 'sent'): string {
  let out = '';
  let at = 0;
  for (const cut of cuts) {
    out += text.slice(at, cut.start) + cut[side];
    at = cut.end;
  }
  return out + text.slice(at);
}
