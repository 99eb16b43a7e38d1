import type { RuleEngine } from '../admin/rule-trial.ts';
import type { Rule, RuleKeys } from '../contract/guardrail.ts';
import type { CallHook } from '../guardrails/hooks/outcome.ts';
import { compileRules, judgeRequest } from '../guardrails/pipeline.ts';
import type { RuleSet } from '../guardrails/pipeline.ts';
import { Placeholders } from '../guardrails/placeholders.ts';
import { detectorOf, refusedCall } from '../guardrails/request/rule-set.ts';
import { openGuard } from '../guardrails/response/guard.ts';
import type { Released } from '../guardrails/response/guard.ts';

/** The pipeline of requests and the guard of responses, for trying rules. */
export function createRuleEngine(keys: RuleKeys, callHook: CallHook, nowMs: () => number): RuleEngine {
  const compiled = (rules: readonly Rule[]): RuleSet =>
    compileRules({ rules: [...rules], disabled: [], unusable: [], egress: { allow: [], caFile: undefined } }, keys);
  return {
    keys,
    judge: (rules, request) => judgeRequest(compiled(rules), request, { callHook, nowMs }),
    guard: (rules, { api, body, login }) => {
      const set = compiled(rules);
      const guard = openGuard({
        api,
        head: { status: 200, headers: new Map([['content-type', 'application/json']]) },
        rules,
        detectors: (rule) => detectorOf(set, rule),
        judgeToolCall: (rule, call) => refusedCall(set, rule, call),
        placeholders: new Placeholders(keys.placeholder, login),
        matchKey: keys.match,
        nowMs,
      });
      const pushed = guard.push(body);
      const released = pushed.refused === undefined ? [pushed, guard.end('complete')] : [pushed];
      const refused = released.map((each) => each.refused).find((fault) => fault !== undefined);
      return Promise.resolve({ sent: Buffer.concat(released.flatMap(bytesOf)), refused, verdicts: guard.verdicts() });
    },
  };
}

function bytesOf({ sent, kept }: Released): Uint8Array[] {
  return sent ?? kept;
}
