import type { PoolClient } from 'pg';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type { Revocation, TokenEntry } from '../contract/control.ts';
import type { ControlEvent } from '../contract/event.ts';
import { appendAudit } from './audit.ts';
import { tellEvents } from './events.ts';

/** Why there is a new config, and by whom. */
export interface ConfigCause extends Actor {
  action: 'config.saved' | 'config.rolled_back' | 'config.loaded';
  atMs: number;
  /** Of a rollback: the version that it brings back. */
  backTo?: number;
}

/** Who decides on tokens and revocations, and when. */
export interface Decision extends Actor {
  atMs: number;
}

/** A change as the audit log has it, and as others are told of it. */
interface Change {
  entry: AuditEntry;
  event: ControlEvent;
}

export async function told(client: PoolClient, { entry, event }: Change): Promise<void> {
  await tellEvents(client, [event], entry.atMs);
  await appendAudit(client, [entry]);
}

export function configChange(
  { hash, note, cause }: { hash: string; note: string; cause: ConfigCause },
  number: number,
  previousHash: string | null,
): Change {
  const { action, by, nodeId, atMs, backTo } = cause;
  const details = { hash, previous_hash: previousHash, note, ...(backTo === undefined ? {} : { back_to: backTo }) };
  return {
    entry: { atMs, by, nodeId, action, target: String(number), details },
    event: {
      kind: 'config.changed',
      data: { number, hash, previous_hash: previousHash, by, note, at: timeText(atMs) },
    },
  };
}

export function tokenChange(
  kind: 'token.created' | 'token.revoked',
  { id, name, login, tags, expiresAtMs }: TokenEntry,
  { by, nodeId, atMs }: Decision,
): Change {
  const said = { name, login, tags, expires_at: expiresAtMs === null ? null : timeText(expiresAtMs) };
  return {
    entry: { atMs, by, nodeId, action: kind, target: id, details: said },
    event: { kind, data: { token_id: id, ...said, by, at: timeText(atMs) } },
  };
}

export function revocationChange(
  change: 'set' | 'lifted',
  { id, kind, value, reason, untilMs }: Revocation,
  { by, nodeId, atMs }: Decision,
): Change {
  const said = { kind, value, reason, until: untilMs === null ? null : timeText(untilMs) };
  return {
    entry: { atMs, by, nodeId, action: `revocation.${change}`, target: id, details: said },
    event: { kind: 'kill_switch', data: { change, id, ...said, by, at: timeText(atMs) } },
  };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
