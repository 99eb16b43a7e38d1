import type { Caller } from '../contract/caller.ts';

/**
 * What one look-up found. `unknown`: tailscaled has an answer, and it is that this address has no identity.
 * `unavailable`: there is no answer; what was known before may still hold.
 */
export type WhoisAnswer =
  | { kind: 'caller'; caller: Caller }
  | { kind: 'unknown'; why: string }
  | { kind: 'unavailable'; why: string };

/** Asks once. Never rejects and never waits forever. Takes a canonical address, without a port. */
export type Lookup = (address: string) => Promise<WhoisAnswer>;
