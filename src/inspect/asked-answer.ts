import type { CallCost } from '../contract/aperture-words.ts';
import type { Facts, ResponseFacts } from '../contract/facts.ts';
import type { Asking, Verdict } from '../contract/guardrail.ts';
import { ANSWER_HOLD_BYTES, ANSWER_HOLD_MS } from '../contract/limits.ts';
import { AnswerHold } from '../guardrails/response/hold.ts';
import type { Released } from '../guardrails/response/guard.ts';
import type { AnswerHooks, WholeAnswer } from './rules.ts';

/** What of the exchange some hook is told beside the answer: what is not is not gathered. */
export interface ToldOfExchange {
  request: boolean;
  cost: boolean;
}

export function toldOf({ wired }: Asking): ToldOfExchange {
  const fields = new Set(wired.flatMap(({ send }) => send));
  return {
    request: fields.has('request_body') || fields.has('user_message'),
    cost: fields.has('estimated_cost'),
  };
}

export interface AskedParts {
  isStream: boolean;
  restored: (body: Uint8Array<ArrayBuffer>) => Released[];
  /** `giveUp` is to be called, in turn with what else comes. */
  onLate: (why: string) => void;
  exchange: () => Promise<Omit<WholeAnswer, 'body'>>;
}

/** An answer that hooks outside are asked about, inside an inspector: held until they have judged it. */
export class AskedAnswer {
  readonly #hold: AnswerHold;
  readonly #leaving = new AbortController();

  constructor(hooks: AnswerHooks, { isStream, restored, onLate, exchange }: AskedParts) {
    this.#hold = new AnswerHold({
      limitBytes: ANSWER_HOLD_BYTES,
      limitMs: isStream ? ANSWER_HOLD_MS : undefined,
      ask: async (body) => hooks.ask({ body, ...(await exchange()) }, this.#leaving.signal),
      unjudged: (why) => hooks.unjudged(why),
      restored,
      onLate,
    });
  }

  get verdicts(): readonly Verdict[] {
    return this.#hold.verdicts;
  }

  take(released: Released): Released {
    return this.#hold.take(released);
  }

  giveUp(why: string): Released {
    return this.#hold.giveUp(why);
  }

  /** Nobody is asked about an answer that was cut short: of it nothing goes on, and the client is told that it broke. */
  async end(how: 'complete' | 'cut'): Promise<Released> {
    if (how === 'cut') this.leave();
    return this.#hold.end();
  }

  /** Nobody waits for it any more. */
  leave(): void {
    this.#leaving.abort();
    this.#hold.drop();
  }

  /**
   * What the record says of it: nothing that was taken out of it, and of one that did not go on, only what it cost. Such a one
   * is no answer that reached its end.
   */
  shown(read: ResponseFacts): ResponseFacts {
    const { withheld, changed } = this.#hold;
    if (!withheld && changed === undefined) return read;
    const { refusal: _, ...detail } = read.usage_detail;
    return {
      ...read,
      tool_calls: changed?.toolCalls ?? [],
      usage_detail: detail,
      complete: read.complete && !withheld,
    };
  }
}

/** Undefined where the cost is not known. */
export function callCostOf(facts: Facts): CallCost | undefined {
  const { cost_nanodollars: nanodollars, cost_basis: basis, response } = facts;
  if (nanodollars === null) return undefined;
  return { nanodollars, basis, usage: response.usage, serverTools: response.server_tools };
}
