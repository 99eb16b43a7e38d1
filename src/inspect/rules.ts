import type { CallCost } from '../contract/aperture-words.ts';
import type { Opened } from '../contract/exchange.ts';
import type { Asking, Decided, Deciding, RulesSlice } from '../contract/guardrail.ts';
import type { RequestToDecide } from '../contract/messages.ts';
import type { AnswerJudged } from '../guardrails/hooks/judge-answer.ts';
import type { ResponseGuard } from '../guardrails/response/guard.ts';

export interface AnswerHead {
  status: number;
  /** Names are lower-case. */
  headers: ReadonlyMap<string, string>;
}

/** The rules of a thread, as the inspector needs them; made of the guardrails room by the thread's root. */
export interface Rules {
  setWorld(world: number, slice: RulesSlice): void;
  /** Runs a request's chain. `session`: the session's base, asked for only where a hook is to be told. */
  judge(
    request: RequestToDecide & { body: Uint8Array<ArrayBuffer> },
    session: () => string,
  ): Promise<{ decided: Decided; body: Uint8Array<ArrayBuffer> }>;
  /** Runs them on a few words of nobody's, so that what comes next finds the thread warm. Nothing comes of it. */
  rehearse(): Promise<void>;
  guard(opened: Opened, deciding: Deciding, head: AnswerHead): ResponseGuard;
  /** The hooks that are asked about one answer. */
  hooks(opened: Opened, asking: Asking, head: AnswerHead): AnswerHooks;
}

export interface AnswerHooks {
  ask(answer: WholeAnswer, signal: AbortSignal): Promise<AnswerJudged>;
  /** What becomes of it where nobody can be asked. */
  unjudged(why: string): AnswerJudged;
}

/** What hooks may be told of an exchange whose answer is whole. */
export interface WholeAnswer {
  /** As it is kept, decoded. */
  body: Uint8Array<ArrayBuffer>;
  /** Of the request, as it was sent; empty where no hook is told of it. */
  request: Uint8Array;
  session: string;
  cost: CallCost | undefined;
}
