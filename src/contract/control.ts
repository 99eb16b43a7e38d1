/**
 * Control state: what an operator decides while gateways run, one truth for all of them (design, section 6). Each
 * process holds a snapshot of it, plain data, and goes on with that while the store is away.
 */
export interface ControlSnapshot {
  /** Counts up with every change of any part; processes that have the same number agree. */
  version: number;
  /** When the store last said that this is what holds, milliseconds since the epoch: what readiness shows the age of. */
  confirmedAtMs: number;
  config: ControlConfig;
  tokens: readonly TokenEntry[];
  revocations: readonly Revocation[];
}

export interface ControlConfig {
  /** Counts up within a store, from 1. */
  number: number;
  /** HuJSON as it was written, with references in place of sealed secrets. */
  text: string;
  /** SHA-256 of `text`, hex. */
  hash: string;
}

/** A gateway-issued token, as the store keeps it: its secret is known to its holder alone. */
export interface TokenEntry {
  /** Stands in the token itself, in records and in explanations; no secret. */
  id: string;
  /** What it is for, in the words of who made it. */
  name: string;
  /** SHA-256 of the whole token, hex. */
  sha256: string;
  /** Who its bearer is to grants, quotas and records: a login of its own or tags, never somebody's login by accident. */
  login: string;
  tags: readonly string[];
  createdAtMs: number;
  /** Null: until it is revoked. */
  expiresAtMs: number | null;
  revokedAtMs: number | null;
}

/** What a revocation may name. `node`: a stable node id. `token`: a token's id. `model`: `model` or `provider/model`. */
export const REVOCATION_KINDS = ['login', 'node', 'token', 'session', 'model'] as const;
export type RevocationKind = (typeof REVOCATION_KINDS)[number];

/** One entry of the kill switch: new requests that match are refused and running ones ended, until it is lifted. */
export interface Revocation {
  id: string;
  kind: RevocationKind;
  value: string;
  reason: string;
  /** Login of the admin who made it. */
  by: string;
  createdAtMs: number;
  /** Null: until it is lifted. */
  untilMs: number | null;
}
