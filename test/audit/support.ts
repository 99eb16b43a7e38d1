import { chained, EMPTY } from '../../src/audit/chain.ts';
import type { End } from '../../src/audit/chain.ts';
import { checkpointOf } from '../../src/audit/checkpoint.ts';
import { auditKeyOf, auditSeedOf } from '../../src/audit/key.ts';
import { AUDIT_ACTIONS } from '../../src/contract/audit.ts';
import type { AuditEntry, ChainedEntry, Checkpoint } from '../../src/contract/audit.ts';

export const SECRET_KEY = Buffer.alloc(32, 7);
export const KEY = auditKeyOf(auditSeedOf(SECRET_KEY));
export const OTHER_KEY = auditKeyOf(auditSeedOf(Buffer.alloc(32, 8)));

export const NOW = Date.UTC(2026, 10, 28, 12);

/** Of every action one, with texts of all kinds. */
export function someEntries(count: number): AuditEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    atMs: NOW + index * 1_234,
    by: index % 3 === 0 ? '(gateway)' : `root${index}@example.com`,
    nodeId: index % 2 === 0 ? '' : `n${index}`,
    action: AUDIT_ACTIONS[index % AUDIT_ACTIONS.length] ?? 'config.saved',
    target: index % 5 === 0 ? '' : `täglich:${index}`,
    details: index % 4 === 0 ? {} : { note: `"${index}" 🚀, \\ and \n more`, list: [index, null, true] },
  }));
}

export function endOf({ number, hash }: ChainedEntry): End {
  return { number: BigInt(number), hash };
}

/** A log of so many entries, with a checkpoint of each tenth, and of the last. */
export function aLog(count: number): { entries: ChainedEntry[]; checkpoints: Checkpoint[] } {
  const entries = chained(EMPTY, someEntries(count));
  const signed = entries.filter((_, index) => index % 10 === 9 || index === count - 1);
  return { entries, checkpoints: signed.map((entry) => checkpointOf(endOf(entry), NOW + 999, KEY)) };
}
