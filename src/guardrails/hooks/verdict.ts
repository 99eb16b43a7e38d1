import type { Fault } from '../../contract/fault.ts';
import type { Side, Verdict } from '../../contract/guardrail.ts';
import { ruleId } from '../../contract/ids.ts';

/** Why what a grant names cannot judge, where nothing bears the name. */
export const NO_SUCH_HOOK = 'a grant names it, and the config has no such hook';

/** What a hook made of one side of an exchange. What it read, only it knows. */
export function hookVerdict(
  side: Side,
  rule: string,
  { atMs, untilMs }: { atMs: number; untilMs: number },
  action: Verdict['action'],
  error: string | null,
): Verdict {
  return {
    rule,
    type: 'hook',
    side,
    action,
    shadow: false,
    at_ms: atMs,
    took_ms: Math.max(0, untilMs - atMs),
    scanned_chars: null,
    scanned: [],
    counts: {},
    matches: [],
    untouched: 0,
    error,
  };
}

export function blockedBy(rule: string, side: Side, status: number, message: string): Fault {
  return { code: 'guardrail_blocked', rule: ruleId(rule), side, status, message };
}

export function unavailable(rule: string, why: string): Fault {
  return { code: 'guardrail_unavailable', rule: ruleId(rule), why };
}
