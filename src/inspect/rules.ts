import type { Opened } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { Decided, Deciding, RulesSlice, Verdict } from '../contract/guardrail.ts';
import type { RequestToDecide } from '../contract/messages.ts';

/** The rules of a thread, as the inspector needs them; made of the guardrails room by the thread's root. */
export interface Rules {
  setWorld(world: number, slice: RulesSlice): void;
  /** Runs a request's chain. `session`: the session's base, asked for only where a hook is to be told. */
  judge(
    request: RequestToDecide & { body: Uint8Array<ArrayBuffer> },
    session: () => string,
  ): Promise<{ decided: Decided; body: Uint8Array<ArrayBuffer> }>;
  guard(opened: Opened, deciding: Deciding, head: { status: number; headers: ReadonlyMap<string, string> }): Guard;
}

/** The rules at work on one response: bytes in, freed of their content-encoding; what may go on out. */
export interface Guard {
  push(bytes: Uint8Array): Guarded;
  end(how: 'complete' | 'cut'): Guarded;
  verdicts(): Verdict[];
}

export interface Guarded {
  kept: Uint8Array[];
  /** Undefined: the same. */
  sent: Uint8Array[] | undefined;
  /** Nothing more comes. */
  refused: Fault | undefined;
}

/** One buffer of its own, which may be given away. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.byteLength;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
