import type { RulesDesk } from '../src/admin/guardrails.ts';
import type { RulesSlice } from '../src/contract/guardrail.ts';
import { answerBytesFor, createHookCaller } from '../src/guardrails/hooks/call.ts';
import { ruleKeysOf } from '../src/guardrails/rule-keys.ts';
import type { Clock } from '../src/lib/clock.ts';
import { createRulesDesk } from '../src/serve/guardrails-test.ts';
import { createRuleEngine } from '../src/serve/rule-engine.ts';
import { createEgress, HOOK_EGRESS } from '../src/sinks/egress.ts';
import { authorities } from './authorities.ts';

/** Somebody waits for the answer, in a browser or a terminal. */
const UNLIMITED_MS = 30_000;
const ANSWER_BYTES = answerBytesFor(1024 * 1024);

export interface OpenRulesDesk {
  desk: RulesDesk;
  close(): Promise<void>;
}

/** Tries rules: those that `rules` says are the running config's, with hooks only where that is asked for. */
export function openRulesDesk(parts: {
  rules: () => RulesSlice;
  secretKey: Uint8Array;
  clock: Clock;
  tested: RulesDesk['tested'];
}): OpenRulesDesk {
  const egress = createEgress({ allow: [], ca: undefined }, HOOK_EGRESS);
  const callHook = createHookCaller(
    {
      send: (request) => {
        const { allow, caFile } = parts.rules().egress;
        egress.reconfigure({ allow, ca: authorities(caFile, () => undefined) });
        return egress.send(request);
      },
    },
    { unlimitedMs: UNLIMITED_MS, answerBytes: ANSWER_BYTES },
  );
  const engine = createRuleEngine(ruleKeysOf(parts.secretKey), callHook, () => parts.clock.nowMs());
  return { desk: createRulesDesk(parts.rules, engine, parts.tested), close: () => egress.close() };
}
