import * as z from 'zod/mini';

export const DELIVERY_STATES = ['waiting', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What the address of this page says. What it says wrongly counts as not said. */
export const DeliveriesSearch = z.object({
  tab: z.catch(z.optional(z.enum(['webhooks', 's3', 'letters'])), undefined),
  destination: z.catch(z.optional(z.string().check(z.maxLength(600))), undefined),
  state: z.catch(z.optional(z.enum(DELIVERY_STATES)), undefined),
});
export type DeliveriesSearch = z.infer<typeof DeliveriesSearch>;
