import type { PricingSlice } from '../contract/messages.ts';
import { tableOf } from '../pricing/overrides.ts';
import type { PriceTable } from '../pricing/table.ts';

/** Worlds remembered: exchanges in flight belong to older ones, and a stream rarely outlives a few saves. */
const WORLDS_KEPT = 16;

/** What a world prices with. */
export interface Prices {
  slice: PricingSlice;
  /** The built-in table behind the operator's own prices: made once per world. */
  table: PriceTable;
}

/** The prices of the last few worlds. */
export class WorldPrices {
  readonly #builtIn: PriceTable;
  readonly #worlds = new Map<number, Prices>();

  constructor(builtIn: PriceTable) {
    this.#builtIn = builtIn;
  }

  add(world: number, slice: PricingSlice): void {
    this.#worlds.set(world, { slice, table: tableOf(this.#builtIn, slice) });
    const [oldest] = this.#worlds.keys();
    if (this.#worlds.size > WORLDS_KEPT && oldest !== undefined) this.#worlds.delete(oldest);
  }

  /** A replayed exchange belongs to a world of a process that is gone: the newest prices are the best there are. */
  of(world: number): Prices {
    const none = { slice: { autoCostBasis: true, prices: [], providers: {} }, table: this.#builtIn };
    return this.#worlds.get(world) ?? [...this.#worlds.values()].at(-1) ?? none;
  }
}
