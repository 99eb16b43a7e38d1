import type { Delivery } from '../contract/delivery.ts';
import type { EgressRequest } from '../contract/egress.ts';

/** Somebody outside who is told things: what every kind of destination must offer to the delivery queue. */
export interface Destination {
  /** `webhooks.siem`: as deliveries in the outbox name it. */
  readonly name: string;
  /**
   * Requests at once. With 1, deliveries arrive in the order of their sequence, and one that fails holds up those behind
   * it; with more, one that the receiver rejects holds up nothing.
   */
  readonly parallel: number;
  /**
   * The request that tells it, with the delivery's id in it and the same at each attempt. May look up what the payload
   * refers to. Rejects where there is nothing to tell any more: that counts as rejected by the receiver.
   */
  request(delivery: Delivery): EgressRequest | Promise<EgressRequest>;
}
