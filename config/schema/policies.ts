import { z } from 'zod';
import { isHeuristic } from '../../src/contract/guardrail.ts';
import { BuiltinConfig } from './builtin.ts';
import { authorization, duration, money, rate } from './fields.ts';

export const QuotaConfig = z.strictObject({
  capacity: money().describe('Ceiling and opening balance, as "$10.00"; "$0.00" rejects everything'),
  rate: rate().prefault('$0.00/day').describe('What flows back, as "$5.00/day"; per min, hour, day, week, month'),
  on_exceed: z.enum(['reject']).default('reject').describe('What happens when the bucket is empty'),
  overdraft: z
    .array(z.string())
    .default([])
    .describe('Quotas, by name, that are borrowed from in this order when this one cannot pay (extension)'),
  reserve: z
    .enum(['balance', 'strict'])
    .default('balance')
    .describe('Let a request in while anything is left, or only when the most it can cost is covered (extension)'),
  deny_status: z
    .literal([429, 400, 402, 403])
    .default(429)
    .describe('Status of a refusal; most clients repeat a 429 by themselves, and no other (extension)'),
  fail: z
    .enum(['closed', 'local'])
    .default('closed')
    .describe(
      'With the store away and what this process holds spent: refuse, or go on by what it last knew (extension)',
    ),
});
export type QuotaConfig = z.output<typeof QuotaConfig>;

const WrittenHook = z.strictObject({
  url: z.string().default('').describe('Where the hook is called; http or https'),
  builtin: BuiltinConfig.exactOptional().describe('A rule of the gateway itself, in place of `url` (extension)'),
  apikey: z.string().default('').describe('The key sent to the hook'),
  authorization: authorization().describe('The header in which the key is sent'),
  timeout: duration('0s', '1h').prefault('5s').describe('How long an answer may take; "0s" means for ever'),
  disabled: z.boolean().default(false).describe('The hook is not called, the rule not applied'),
  fail_policy: z
    .enum(['', 'fail_open', 'fail_closed'])
    .default('')
    .describe(
      'When a hook that is asked cannot answer, or a rule cannot look: go on without it, or refuse. ' +
        'Absent: fail_open for a hook and for what only flags, else fail_closed',
    ),
  preference: z.int().default(0).describe('Higher is called first; ties by name'),
});

/**
 * Hooks fail open where nothing is said, as in Aperture; what the gateway does itself has no such excuse, but for what only
 * flags.
 */
export const HookConfig = WrittenHook.transform(({ fail_policy, ...hook }) => {
  const otherwise =
    hook.builtin === undefined || isHeuristic(hook.builtin) ? ('fail_open' as const) : ('fail_closed' as const);
  return { ...hook, fail_policy: fail_policy === '' ? otherwise : fail_policy };
});
export type HookConfig = z.output<typeof HookConfig>;
