import { isPostEvent } from '../../contract/guardrail.ts';
import type { CallFacts, PostFacts, PostHook, Wired } from '../../contract/guardrail.ts';
import type { ExchangeRecord } from '../../contract/record.ts';

/**
 * Grants and quotas of one exchange that are told to hooks after it, at most, those of all hooks together: the journal's
 * frame for them holds a mebibyte. Of a tailnet policy whose capabilities are larger, none are told.
 */
const TOLD_CHARS = 64 * 1024;

/**
 * Of the hooks that the grants of an exchange name, those to be told of it when it is over. `isHook`: the running config
 * has it, enabled, and it is no built-in rule.
 */
export function postHooksOf(wired: readonly Wired[], facts: CallFacts, isHook: (name: string) => boolean): PostHook[] {
  let leftChars = TOLD_CHARS;
  const within = <T extends object>(told: T): T | null => {
    const chars = JSON.stringify(told).length;
    if (chars > leftChars) return null;
    leftChars -= chars;
    return told;
  };
  return wired.flatMap(({ name, events, send }) => {
    const post = events.filter(isPostEvent);
    if (post.length === 0 || !isHook(name)) return [];
    return [
      {
        name,
        events: post,
        send,
        tailnet: facts.tailnet,
        quotas: send.includes('quotas') ? within(facts.quotas) : null,
        grants: send.includes('grants') ? within(facts.grants) : null,
      },
    ];
  });
}

/** Calls with longer arguments are read from the response again: what is said here waits in memory with its order. */
const ARGUMENT_BYTES = 4 * 1024;

/** What an exchange's record says to its hooks. */
export function postFactsOf(record: ExchangeRecord): PostFacts {
  const { tool_calls: calls, usage_flags: flags } = record;
  const whole =
    !flags.some((flag) => flag.startsWith('tool_calls:')) &&
    calls.every((call) => Buffer.byteLength(call.arguments) === call.bytes) &&
    calls.reduce((sum, { bytes }) => sum + bytes, 0) <= ARGUMENT_BYTES;
  return {
    session_base: record.session_base,
    cost_nanodollars: record.cost_nanodollars,
    cost_basis: record.cost_basis,
    usage: record.usage,
    server_tools: record.server_tools,
    tool_calls: whole ? calls.map(({ name, arguments: text }) => ({ name, arguments: text })) : null,
  };
}
