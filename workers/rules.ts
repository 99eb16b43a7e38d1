import type { RuleKeys } from '../src/contract/guardrail.ts';
import { answerBytesFor, createHookCaller } from '../src/guardrails/hooks/call.ts';
import { judgeAnswer, unjudgedAnswer } from '../src/guardrails/hooks/judge-answer.ts';
import { readRequest } from '../src/guardrails/hooks/read-request.ts';
import { compileRules, judgeRequest } from '../src/guardrails/pipeline.ts';
import type { RuleSet } from '../src/guardrails/pipeline.ts';
import { builtinsOn, detectorOf, refusedCall } from '../src/guardrails/request/rule-set.ts';
import { Placeholders } from '../src/guardrails/placeholders.ts';
import { rehearse } from '../src/guardrails/rehearse.ts';
import { openGuard } from '../src/guardrails/response/guard.ts';
import type { Rules } from '../src/inspect/rules.ts';
import type { Clock } from '../src/lib/clock.ts';
import { formTypeOf } from '../src/protocols/form-scan.ts';
import { createEgress, HOOK_EGRESS } from '../src/sinks/egress.ts';
import { authorities } from './authorities.ts';

/** Worlds remembered: as an inspector remembers prices. */
const WORLDS_KEPT = 16;

/** A hook without a limit of its own: far beyond any client's patience. */
const UNLIMITED_MS = 600_000;
const MOST_ANSWER_BYTES = answerBytesFor(64 * 1024 * 1024);

/** A request that was let in: it fitted. */
const REQUEST_BYTES = 1024 * 1024 * 1024;

interface World {
  set: RuleSet;
  /** Names of the rules that are hooks. */
  hooks: ReadonlySet<string>;
}

/** The rules of an inspector's thread, with a way out of its own to hooks. */
export function createRules(keys: RuleKeys, clock: Clock): Rules {
  const worlds = new Map<number, World>();
  const egress = createEgress({ allow: [], ca: undefined }, HOOK_EGRESS);
  const callHook = createHookCaller(egress, { unlimitedMs: UNLIMITED_MS, answerBytes: MOST_ANSWER_BYTES });
  const nowMs = (): number => clock.nowMs();
  const newest = (): World | undefined => [...worlds.values()].at(-1);
  /** An exchange of a world that a new thread was not told of is judged by the newest rules there are. */
  const rulesOf = (world: number): World => {
    const found = worlds.get(world) ?? newest();
    if (found === undefined) throw new Error('no rules are known here');
    return found;
  };
  return {
    setWorld: (world, slice) => {
      const hooks = slice.rules.flatMap((rule) => (rule.type === 'hook' ? [rule.name] : []));
      worlds.set(world, { set: compileRules(slice, keys), hooks: new Set(hooks) });
      const [oldest] = worlds.keys();
      if (worlds.size > WORLDS_KEPT && oldest !== undefined) worlds.delete(oldest);
      egress.reconfigure({ allow: slice.egress.allow, ca: authorities(slice.egress.caFile, () => undefined) });
    },
    judge: ({ api, body, headers, wired, facts, world }, session) => {
      const { set, hooks } = rulesOf(world);
      const told = wired.some(({ name }) => hooks.has(name)) ? { ...facts, sessionId: session() } : facts;
      const form = formTypeOf(api, headers);
      return judgeRequest(set, { api, body, form, wired, facts: told }, { callHook, nowMs });
    },
    rehearse: async () => {
      const found = newest();
      if (found !== undefined) await rehearse(found.set, nowMs);
    },
    guard: ({ api, login, world }, { rules, placeholders }, head) => {
      const { set } = rulesOf(world);
      return openGuard({
        api,
        head,
        rules: builtinsOn(
          set,
          rules.map((name) => ({ name })),
          'response',
        ),
        detectors: (rule) => detectorOf(set, rule),
        judgeToolCall: (rule, call) => refusedCall(set, rule, call),
        placeholders: new Placeholders(keys.placeholder, login, placeholders),
        matchKey: keys.match,
        nowMs,
      });
    },
    hooks: (opened, { wired, facts }, head) => {
      const { set } = rulesOf(opened.world);
      const { api, request_headers: headers } = opened;
      return {
        ask: async ({ body, request, session, cost }, signal) => {
          const read = await readRequest(api, headers, request, REQUEST_BYTES);
          const told = { ...facts, sessionId: session };
          const answer = { api, head, body, requestBody: read?.bytes, facts: told, cost };
          return judgeAnswer(set, wired, answer, { callHook, nowMs, signal });
        },
        unjudged: (why) => unjudgedAnswer(set, wired, why, nowMs()),
      };
    },
  };
}
