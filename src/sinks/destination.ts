import type { Delivery } from '../contract/delivery.ts';
import type { EgressAnswer, EgressRequest } from '../contract/egress.ts';
import type { Outcome } from './attempt.ts';

/** Deliveries that go together, in the order of their sequence: at least one. */
export type Batch = readonly [Delivery, ...Delivery[]];

/** Somebody outside who is told things: what every kind of destination must offer to the delivery queue. */
export type Destination = RequestDestination | StreamDestination;

interface AnyDestination {
  /** `webhooks.siem`: as deliveries in the outbox name it. */
  readonly name: string;
  /**
   * Requests at once. With 1, deliveries arrive in the order of their sequence, and one that fails holds up those behind
   * it; with more, one that the receiver rejects holds up nothing, and each delivery is a request of its own (`batch.most` 1).
   */
  readonly parallel: number;
  /** Deliveries in one request, and how long the first of them waits for more to go with it. */
  readonly batch: { readonly most: number; readonly waitMs: number };
}

/** Is told by a request of http, and says by its answer whether it has taken what was told. */
export interface RequestDestination extends AnyDestination {
  /**
   * The request that tells them, with an id in it that is the same at each attempt of these very deliveries. May look up
   * what a payload refers to. Rejects where there is nothing to tell any more: that counts as rejected by the receiver.
   */
  request(deliveries: Batch): EgressRequest | Promise<EgressRequest>;
  /** Told what a receiver answers that takes a request, where it may have more to say than that. */
  taken?(answer: EgressAnswer): void;
}

/** Is told over a connection that is kept, and answers nothing. */
export interface StreamDestination extends AnyDestination {
  /** Never rejects. */
  deliver(deliveries: Batch): Promise<Outcome>;
  /**
   * What counted as delivered and may not have arrived, as its connection broke afterwards. Nothing else is delivered
   * before it is back in the outbox, so that all arrives in sequence.
   */
  readonly lost: Lost | undefined;
  /** What was lost is back there. */
  found(): void;
  /** Ends its connection; what is being delivered fails. */
  close(): void;
}

export interface Lost {
  ids: readonly string[];
  why: string;
}
