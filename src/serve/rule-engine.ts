import type { RuleEngine } from '../admin/rule-trial.ts';
import type { Rule, RuleKeys } from '../contract/guardrail.ts';
import type { CallHook } from '../guardrails/hooks/outcome.ts';
import { judgeAnswer } from '../guardrails/hooks/judge-answer.ts';
import { compileRules, judgeRequest } from '../guardrails/pipeline.ts';
import type { RuleSet } from '../guardrails/pipeline.ts';
import { joined } from '../lib/joined.ts';
import { Placeholders } from '../guardrails/placeholders.ts';
import { builtinsOn, detectorOf, refusedCall } from '../guardrails/request/rule-set.ts';
import { openGuard } from '../guardrails/response/guard.ts';
import type { Released } from '../guardrails/response/guard.ts';

/** The pipeline of requests and the guard of responses, for trying rules. */
export function createRuleEngine(keys: RuleKeys, callHook: CallHook, nowMs: () => number): RuleEngine {
  const compiled = (rules: readonly Rule[]): RuleSet =>
    compileRules({ rules: [...rules], disabled: [], unusable: [], egress: { allow: [], caFile: undefined } }, keys);
  return {
    keys,
    judge: (rules, request) => judgeRequest(compiled(rules), request, { callHook, nowMs }),
    guard: async (rules, { api, body, wired, facts }) => {
      const set = compiled(rules);
      const head = { status: 200, headers: new Map([['content-type', 'application/json']]) };
      const guard = openGuard({
        api,
        head,
        rules: builtinsOn(set, wired, 'response'),
        detectors: (rule) => detectorOf(set, rule),
        judgeToolCall: (rule, call) => refusedCall(set, rule, call),
        placeholders: new Placeholders(keys.placeholder, facts.login),
        matchKey: keys.match,
        nowMs,
      });
      const pushed = guard.push(body);
      const released = pushed.refused === undefined ? [pushed, guard.end('complete')] : [pushed];
      const refused = released.map((each) => each.refused).find((fault) => fault !== undefined);
      const verdicts = guard.verdicts();
      if (refused !== undefined) return { sent: new Uint8Array(0), refused, verdicts };
      const kept = joined(released.flatMap((each) => each.kept));
      const answer = { api, head, body: kept, requestBody: undefined, facts, cost: undefined };
      const { signal } = new AbortController();
      const judged = await judgeAnswer(set, wired, answer, { callHook, nowMs, signal });
      const out = judged.changed === undefined ? released : guard.restored(judged.changed.body);
      return {
        sent: Buffer.concat(out.flatMap(bytesOf)),
        refused: judged.fault,
        verdicts: [...verdicts, ...judged.verdicts],
      };
    },
  };
}

function bytesOf({ sent, kept }: Released): Uint8Array[] {
  return sent ?? kept;
}
