import type { Verdict } from '../../contract/guardrail.ts';
import { joined } from '../../lib/joined.ts';
import type { AnswerJudged } from '../hooks/judge-answer.ts';
import type { Released } from './guard.ts';

export interface HoldParts {
  limitBytes: number;
  /** Undefined: as long as the exchange may take. */
  limitMs: number | undefined;
  /** Asks the hooks about all of it. */
  ask: (body: Uint8Array<ArrayBuffer>) => Promise<AnswerJudged>;
  /** What becomes of it where nobody can be asked. */
  unjudged: (why: string) => AnswerJudged;
  /** A body of a hook's, as it is kept and as the client gets it: with the values that placeholders stand for. */
  restored: (body: Uint8Array<ArrayBuffer>) => Released[];
  /** The time is over: `giveUp` is to be called, in turn with what else comes. */
  onLate: (why: string) => void;
}

const NOTHING: Released = { kept: [], sent: undefined, refused: undefined };

type State =
  | { at: 'holding'; held: Released[]; bytes: number }
  /** Nobody was asked, and nobody minds: what comes goes on. */
  | { at: 'open' }
  /** Asked, refused, or given up for good. */
  | { at: 'over' };

/**
 * Holds what the rules let go of an answer until it is whole and the hooks outside have judged it. Then all of it goes on
 * as it came, or none of it.
 */
export class AnswerHold {
  readonly #parts: HoldParts;
  #state: State = { at: 'holding', held: [], bytes: 0 };
  readonly #timer: NodeJS.Timeout | undefined;
  verdicts: Verdict[] = [];
  /** What a hook put in its place. */
  changed: AnswerJudged['changed'];
  /** None of it went on. */
  withheld = true;

  constructor(parts: HoldParts) {
    this.#parts = parts;
    const { limitMs, onLate } = parts;
    if (limitMs === undefined) return;
    this.#timer = setTimeout(() => {
      onLate(`the answer was not whole after ${limitMs} ms`);
    }, limitMs).unref();
  }

  get isHolding(): boolean {
    return this.#state.at === 'holding';
  }

  /** What may go on now of what the rules let go. */
  take(released: Released): Released {
    const state = this.#state;
    if (state.at === 'open') return released;
    if (state.at === 'over') return NOTHING;
    if (released.refused !== undefined) {
      this.#leave('over');
      return { ...NOTHING, refused: released.refused };
    }
    state.held.push(released);
    state.bytes += lengthOf(released.kept);
    const { limitBytes } = this.#parts;
    return state.bytes > limitBytes ? this.giveUp(`the answer is longer than ${limitBytes} bytes`) : NOTHING;
  }

  /** Nobody is asked: what was held goes on, or the answer is refused. */
  giveUp(why: string): Released {
    if (this.#state.at !== 'holding') return NOTHING;
    const { held } = this.#state;
    const { verdicts, fault } = this.#parts.unjudged(why);
    this.verdicts = verdicts;
    this.withheld = fault !== undefined;
    this.#leave(this.withheld ? 'over' : 'open');
    return fault === undefined ? together(held) : { ...NOTHING, refused: fault };
  }

  /** The answer is whole. An empty one is nothing that could be judged. */
  async end(): Promise<Released> {
    if (this.#state.at !== 'holding') return NOTHING;
    const { held, bytes } = this.#state;
    clearTimeout(this.#timer);
    if (bytes === 0) {
      this.withheld = false;
      this.#leave('over');
      return NOTHING;
    }
    const whole = together(held);
    const { verdicts, fault, changed } = await this.#parts.ask(joined(whole.kept));
    this.verdicts = verdicts;
    // The client may have left meanwhile.
    if (!this.isHolding) return NOTHING;
    this.#leave('over');
    if (fault !== undefined) return { ...NOTHING, refused: fault };
    this.withheld = false;
    this.changed = changed;
    return changed === undefined ? whole : together(this.#parts.restored(changed.body));
  }

  /** Nobody waits for it any more. */
  drop(): void {
    this.#leave('over');
  }

  #leave(at: 'open' | 'over'): void {
    clearTimeout(this.#timer);
    this.#state = { at };
  }
}

function together(held: readonly Released[]): Released {
  const kept = held.flatMap((each) => each.kept);
  const differs = held.some(({ sent }) => sent !== undefined);
  return { kept, sent: differs ? held.flatMap((each) => each.sent ?? each.kept) : undefined, refused: undefined };
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
