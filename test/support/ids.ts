import type { ExchangeId } from '../../src/contract/ids.ts';

/** How many ids of a millisecond were given out. */
const given = new Map<number, number>();

/**
 * A UUIDv7 of this very millisecond: the one that the gateway mints never goes back in time, and a process that runs many
 * test files has been elsewhere. Those of one millisecond are ordered as they were asked for, up to its 4,096.
 */
export function idAt(ms: number): string {
  const at = Math.floor(ms);
  const count = given.get(at) ?? 0;
  given.set(at, count + 1);
  const time = at.toString(16).padStart(12, '0');
  const counter = count.toString(16).padStart(3, '0').slice(-3);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}${crypto.randomUUID().slice(VARIANT_AT)}`;
}

/** Variant and random bits stand where a UUIDv4 has them. */
const VARIANT_AT = 18;

export function exchangeIdAt(ms: number): ExchangeId {
  return idAt(ms) as ExchangeId;
}
