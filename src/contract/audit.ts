import type { Caller } from './caller.ts';

/**
 * What is written to the audit log: who did what to what. `config.loaded` is a config that came from a file and not from
 * an admin. An action that was refused is none.
 */
export const AUDIT_ACTIONS = [
  'config.saved',
  'config.rolled_back',
  'config.loaded',
  'token.created',
  'token.revoked',
  'revocation.set',
  'revocation.lifted',
  'quota.refilled',
  'hold.placed',
  'hold.released',
  'capture.read',
  'deliveries.replayed',
  'dead_letters.replayed',
  'dead_letters.removed',
  'journal.replayed',
  'records.repriced',
  'retention.dropped',
  'guardrails.tested',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Who did it: an admin and the device, the gateway by itself, or its command line. */
export interface Actor {
  /** Login of the admin; `(gateway)` for what the gateway does by itself, `(command line)` for its CLI. */
  by: string;
  /** Stable id of the device; empty where there is none. */
  nodeId: string;
}

export function actorOf({ login, nodeId }: Pick<Caller, 'login' | 'nodeId'>): Actor {
  return { by: login, nodeId };
}

export const GATEWAY: Actor = { by: '(gateway)', nodeId: '' };
export const COMMAND_LINE: Actor = { by: '(command line)', nodeId: '' };

/** One entry, before it has its place in the chain. */
export interface AuditEntry extends Actor {
  atMs: number;
  action: AuditAction;
  /** What it was done to: a token's id, a config's number, a bucket, a request's id, a day. */
  target: string;
  /** Plain data that JSON can hold; nothing secret, nothing of what was said in a request. */
  details: Readonly<Record<string, unknown>>;
}

/** An entry in its place, as its row is: whole numbers as text, since somebody else may have written them. */
export interface ChainedEntry {
  /** From 1, without a gap. */
  number: string;
  /** Milliseconds since the epoch. */
  atMs: string;
  by: string;
  nodeId: string;
  action: string;
  target: string;
  /** JSON, as the very text that was hashed. */
  details: string;
  /** Hash of the entry before; 32 zero bytes in the first. */
  previous: Uint8Array;
  hash: Uint8Array;
}

/** What the log came to at an entry, signed. */
export interface Checkpoint {
  number: string;
  /** Of the entry with this number. */
  hash: Uint8Array;
  atMs: string;
  /** SHA-256 of the public key, hex. */
  keyId: string;
  /** Ed25519. */
  signature: Uint8Array;
}
