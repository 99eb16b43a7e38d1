import type { Api } from '../../contract/api.ts';
import type { CallFacts, HookRule, Wired } from '../../contract/guardrail.ts';

/** Asked of a hook: never rejects. */
export type CallHook = (
  rule: HookRule,
  wired: Wired,
  call: { api: Api; body: Uint8Array; facts: CallFacts },
) => Promise<HookOutcome>;

export type HookOutcome =
  | { kind: 'allow' }
  | { kind: 'block'; status: number; message: string }
  | { kind: 'modify'; body: Uint8Array<ArrayBuffer> }
  | { kind: 'failed'; why: string };
