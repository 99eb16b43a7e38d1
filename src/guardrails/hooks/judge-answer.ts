import type { Api } from '../../contract/api.ts';
import type { CallCost } from '../../contract/aperture-words.ts';
import type { ToolCall } from '../../contract/facts.ts';
import type { Fault } from '../../contract/fault.ts';
import type { CallFacts, FailPolicy, HookRule, SendField, Verdict, Wired } from '../../contract/guardrail.ts';
import { ANSWER_HOLD_BYTES } from '../../contract/limits.ts';
import { byPreference, hooksAsked } from '../request/rule-set.ts';
import type { RuleSet } from '../request/rule-set.ts';
import type { CallHook, HookOutcome } from './outcome.ts';
import { readResponse } from './read-response.ts';
import type { ReadResponse } from './read-response.ts';
import { blockedBy, hookVerdict, NO_SUCH_HOOK, unavailable } from './verdict.ts';

/** An answer that came whole, as journal and capture would keep it: with placeholders, and without what rules redact. */
export interface AnswerToJudge {
  api: Api;
  /** Names of headers are lower-case. */
  head: { status: number; headers: ReadonlyMap<string, string> };
  /** Decoded. */
  body: Uint8Array<ArrayBuffer>;
  /** Of the request as it was sent, as JSON; undefined where it has none. */
  requestBody: Uint8Array | undefined;
  facts: CallFacts;
  /** Undefined where it is not known. */
  cost: CallCost | undefined;
}

export interface AnswerJudged {
  verdicts: Verdict[];
  fault: Fault | undefined;
  /** What a hook put in its place, and the calls that stand in that; absent where it stays as it is. */
  changed?: { body: Uint8Array<ArrayBuffer>; toolCalls: ToolCall[] };
}

export interface AnswerParts {
  callHook: CallHook;
  nowMs: () => number;
  /** The client has left. */
  signal: AbortSignal;
}

/**
 * The life of an answer under the hooks outside: by descending preference, then by name, each is asked about what the one
 * before left; the first that blocks ends it. What cannot judge obeys its `fail_policy`; a name that nothing has refuses.
 */
export async function judgeAnswer(
  set: RuleSet,
  wired: readonly Wired[],
  answer: AnswerToJudge,
  parts: AnswerParts,
): Promise<AnswerJudged> {
  const chain = new AnswerChain(answer, parts);
  for (const step of stepsOf(set, wired)) {
    const fault = await chain.take(step);
    if (fault !== undefined) return { verdicts: chain.verdicts, fault };
    if (parts.signal.aborted) break;
  }
  const { verdicts, changed } = chain;
  return { verdicts, fault: undefined, ...(changed === undefined ? {} : { changed }) };
}

/** What becomes of an answer about which nobody could be asked: each hook's `fail_policy` says. */
export function unjudgedAnswer(set: RuleSet, wired: readonly Wired[], why: string, nowMs: number): AnswerJudged {
  const verdicts: Verdict[] = [];
  for (const step of stepsOf(set, wired)) {
    const reason = step.hook === undefined ? step.why : why;
    verdicts.push(hookVerdict('response', step.name, { atMs: nowMs, untilMs: nowMs }, 'error', reason));
    if (step.failPolicy === 'fail_closed') return { verdicts, fault: unavailable(step.name, reason) };
  }
  return { verdicts, fault: undefined };
}

type Step = { name: string; failPolicy: FailPolicy } & (
  | { hook: HookRule; wired: Wired }
  /** Somebody meant a hook by it. */
  | { hook: undefined; why: string }
);

/** What cannot be called comes first: where it refuses, nobody need be asked. */
function stepsOf(set: RuleSet, wired: readonly Wired[]): Step[] {
  const names = new Set(wired.filter(({ events }) => events.includes('response')).map(({ name }) => name));
  const uncallable = [...names].filter((name) => !set.rules.has(name) && !set.disabled.has(name));
  return [
    ...uncallable.map((name): Step => {
      const { failPolicy = 'fail_closed', why = NO_SUCH_HOOK } = set.unusable.get(name) ?? {};
      return { name, failPolicy, hook: undefined, why };
    }),
    ...hooksAsked(set, wired, 'response')
      .sort((a, b) => byPreference(a.rule, b.rule))
      .map((one): Step => ({ ...one.rule, hook: one.rule, wired: one.wired })),
  ];
}

/** One answer on its way through its hooks. */
class AnswerChain {
  readonly verdicts: Verdict[] = [];
  changed: AnswerJudged['changed'];
  readonly #answer: AnswerToJudge;
  readonly #parts: AnswerParts;
  #read: ReadResponse | undefined;

  constructor(answer: AnswerToJudge, parts: AnswerParts) {
    this.#answer = answer;
    this.#parts = parts;
  }

  async take(step: Step): Promise<Fault | undefined> {
    const { name, failPolicy } = step;
    const atMs = this.#parts.nowMs();
    const outcome = step.hook === undefined ? notCalled(step.why) : await this.#asked(step.hook, step.wired);
    // Of one whom nobody waited for there is nothing to tell.
    if (this.#parts.signal.aborted) return undefined;
    const note = (action: Verdict['action'], error: string | null = null): void => {
      this.verdicts.push(hookVerdict('response', name, { atMs, untilMs: this.#parts.nowMs() }, action, error));
    };
    switch (outcome.kind) {
      case 'allow':
      case 'modify':
        note(outcome.kind);
        return undefined;
      case 'block':
        note('block');
        return blockedBy(name, 'response', outcome.status, outcome.message);
      case 'failed':
        note('error', outcome.why);
        return failPolicy === 'fail_open' ? undefined : unavailable(name, outcome.why);
    }
  }

  async #asked(rule: HookRule, wired: Wired): Promise<HookOutcome> {
    const { api, head, requestBody, facts, cost } = this.#answer;
    const read = await this.#readNow();
    if (wired.send.some((field) => isMissing(field, read)))
      return notCalled('the answer is nothing that it can be told');
    const outcome = await this.#parts.callHook(rule, wired, {
      api,
      body: requestBody,
      facts,
      answer: {
        status: head.status,
        stream: !read.isWhole,
        cost,
        post: { toolCalls: read.toolCalls, responseBody: read.body, rawResponses: read.raws },
      },
      signal: this.#parts.signal,
    });
    return outcome.kind === 'modify' ? this.#modified(outcome, read) : outcome;
  }

  /** Takes the body that a hook gave. Of a stream there is none that could be told in the provider's own events. */
  async #modified(outcome: Extract<HookOutcome, { kind: 'modify' }>, { isWhole }: ReadResponse): Promise<HookOutcome> {
    if (!isWhole) return notCalled('it wants to modify a stream, which can be allowed or blocked, and nothing else');
    const { body } = outcome;
    if (body.length > ANSWER_HOLD_BYTES)
      return notCalled(`the response_body is longer than ${ANSWER_HOLD_BYTES} bytes`);
    this.#read = await this.#reading(body);
    this.changed = { body, toolCalls: this.#read.toolCalls };
    return outcome;
  }

  async #readNow(): Promise<ReadResponse> {
    this.#read ??= await this.#reading(this.#answer.body);
    return this.#read;
  }

  async #reading(body: Uint8Array): Promise<ReadResponse> {
    const { api, head } = this.#answer;
    const headers = [...head.headers].filter(([name]) => name !== 'content-encoding');
    const read = await readResponse(api, { status: head.status, headers }, body, ANSWER_HOLD_BYTES);
    if (read.raws.length > 0 || !isPlainText(head.headers)) return read;
    const text = JSON.stringify(Buffer.from(body).toString('utf8'));
    return { ...read, body: text, raws: [text] };
  }
}

function notCalled(why: string): HookOutcome {
  return { kind: 'failed', why };
}

/** What a hook wants to judge by, and what could not be read: not that there is nothing to see. */
function isMissing(field: SendField, { body, raws }: ReadResponse): boolean {
  switch (field) {
    case 'response_body':
      return body === undefined;
    case 'raw_responses':
      return raws.length === 0;
    case 'tools':
      return body === undefined && raws.length === 0;
    default:
      return false;
  }
}

/** A transcript, say: told as a JSON string. */
function isPlainText(headers: ReadonlyMap<string, string>): boolean {
  const type = headers.get('content-type') ?? '';
  return type.startsWith('text/') && !type.startsWith('text/event-stream');
}
