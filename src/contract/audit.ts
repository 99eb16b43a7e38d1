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
  'records.repriced',
  'retention.dropped',
  'guardrails.tested',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** One entry, before it has its place in the chain. */
export interface AuditEntry {
  atMs: number;
  /** Login of the admin; `(gateway)` for what the gateway does by itself, `(command line)` for its CLI. */
  by: string;
  /** Stable id of the device; empty where there is none. */
  nodeId: string;
  action: AuditAction;
  /** What it was done to: a token's id, a config's number, a bucket, a request's id, a day. */
  target: string;
  /** Plain data that JSON can hold; nothing secret, nothing of what was said in a request. */
  details: Readonly<Record<string, unknown>>;
}
