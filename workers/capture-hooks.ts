import type { CaptureOrder } from '../src/capture/messages.ts';
import { pack } from '../src/capture/pack.ts';
import type { PostFacts } from '../src/contract/guardrail.ts';
import type { PostCall, Told } from '../src/guardrails/hooks/post-call.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import type { HookPayloadStore } from '../src/store/hook-payloads.ts';
import type { UntilDone } from './until-done.ts';

/**
 * Orders of an exchange whose record does not come: about an hour. Then its hooks are told without what only the record
 * says, as it may be a dead letter.
 */
const RECORD_WAITS = 720;

/** Tells hooks of exchanges that are over: leaves in the database what each is to be told. */
export class HookTeller {
  readonly #payloads: Pick<HookPayloadStore, 'facts' | 'tell'>;
  readonly #untilDone: UntilDone;
  readonly #log: Log;

  constructor(payloads: Pick<HookPayloadStore, 'facts' | 'tell'>, untilDone: UntilDone, log: Log) {
    this.#payloads = payloads;
    this.#untilDone = untilDone;
    this.#log = log;
  }

  /** What records say of the exchanges that hooks are told of, of those whose records are known. */
  async facts(orders: readonly CaptureOrder[]): Promise<Map<string, PostFacts>> {
    const unknown = orders.filter(({ post }) => post === undefined).map(({ id }) => id);
    const found =
      unknown.length === 0 ? new Map<string, PostFacts>() : await this.#untilDone(() => this.#payloads.facts(unknown));
    for (const { id, post, waited = 0 } of orders) {
      if (post !== undefined) found.set(id, post);
      else if (!found.has(id) && waited >= RECORD_WAITS) found.set(id, factsWithoutRecord(id));
    }
    return found;
  }

  async tell(id: string, call: PostCall, facts: PostFacts): Promise<void> {
    for await (const { hook, event, body } of this.#readable(id, call.calls(facts))) {
      const { encoding, body: stored } = pack(body);
      const payload = { bytes: body.length, encoding, body: stored };
      await this.#untilDone(() => this.#payloads.tell({ exchange: id, hook, event, payload }));
    }
  }

  /** A body that we fail to read costs its hooks the call, and nobody the capture. */
  async *#readable(id: string, calls: AsyncGenerator<Told>): AsyncGenerator<Told> {
    try {
      yield* calls;
    } catch (error) {
      this.#log.error({ exchange: id, error: errorChain(error) }, 'hooks could not be told of an exchange');
    }
  }
}

function factsWithoutRecord(id: string): PostFacts {
  return {
    session_base: id,
    cost_nanodollars: null,
    cost_basis: null,
    usage: null,
    server_tools: {},
    tool_calls: null,
  };
}
