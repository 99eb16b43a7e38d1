import type { Api } from '../../contract/api.ts';
import type { CallCost } from '../../contract/aperture-words.ts';
import type { CallFacts, HookRule, Wired } from '../../contract/guardrail.ts';
import type { PostParts } from './call-data.ts';

/** What a hook is asked about. */
export interface HookCall {
  api: Api;
  /** Of the request, as JSON; undefined where it has none. */
  body: Uint8Array | undefined;
  facts: CallFacts;
  /** Of the answer, where that is what is asked about. */
  answer?: AnswerParts;
  /** Nobody waits any more. */
  signal?: AbortSignal;
}

export interface AnswerParts {
  status: number;
  /** It is no JSON object that came whole, and so nothing that a hook can replace. */
  stream: boolean;
  post: PostParts;
  cost: CallCost | undefined;
}

/** Asked of a hook: never rejects. */
export type CallHook = (rule: HookRule, wired: Wired, call: HookCall) => Promise<HookOutcome>;

export type HookOutcome =
  | { kind: 'allow' }
  | { kind: 'block'; status: number; message: string }
  | { kind: 'modify'; body: Uint8Array<ArrayBuffer> }
  | { kind: 'failed'; why: string };
