import type { Opened } from '../contract/exchange.ts';
import type { Decided, Deciding, RulesSlice } from '../contract/guardrail.ts';
import type { RequestToDecide } from '../contract/messages.ts';
import type { ResponseGuard } from '../guardrails/response/guard.ts';

/** The rules of a thread, as the inspector needs them; made of the guardrails room by the thread's root. */
export interface Rules {
  setWorld(world: number, slice: RulesSlice): void;
  /** Runs a request's chain. `session`: the session's base, asked for only where a hook is to be told. */
  judge(
    request: RequestToDecide & { body: Uint8Array<ArrayBuffer> },
    session: () => string,
  ): Promise<{ decided: Decided; body: Uint8Array<ArrayBuffer> }>;
  guard(
    opened: Opened,
    deciding: Deciding,
    head: { status: number; headers: ReadonlyMap<string, string> },
  ): ResponseGuard;
}
