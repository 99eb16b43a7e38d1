import { createHash } from 'node:crypto';
import type { AuditEntry, ChainedEntry } from '../contract/audit.ts';
import { storableJson, storableText } from '../lib/storable-text.ts';

const HASH_BYTES = 32;

/** What the first entry has in place of the hash of the one before. */
export const BEGINNING = new Uint8Array(HASH_BYTES);

/** Where the log ends: before the first entry, at 0. */
export interface End {
  number: bigint;
  hash: Uint8Array;
}

export const EMPTY: End = { number: 0n, hash: BEGINNING };

/**
 * SHA-256 over every column but the hash itself, each as a netstring (its length in bytes, a colon, the bytes, a comma):
 * no two different rows have the same encoding. Said for others in docs/audit.md.
 */
export function hashOf(entry: Omit<ChainedEntry, 'hash'>): Buffer {
  const { previous, number, atMs, by, nodeId, action, target, details } = entry;
  const hash = createHash('sha256');
  for (const column of [previous, number, atMs, by, nodeId, action, target, details]) {
    const bytes = typeof column === 'string' ? Buffer.from(column) : column;
    hash.update(`${bytes.byteLength}:`).update(bytes).update(',');
  }
  return hash.digest();
}

/** The entries in their places behind the end of the log. */
export function chained(end: End, entries: readonly AuditEntry[]): ChainedEntry[] {
  let { number, hash: previous } = end;
  return entries.map(({ atMs, by, nodeId, action, target, details }) => {
    number += 1n;
    const entry = {
      number: String(number),
      atMs: String(Math.trunc(atMs)),
      by: storableText(by),
      nodeId: storableText(nodeId),
      action,
      target: storableText(target),
      details: storableJson(details),
      previous,
    };
    const hash = hashOf(entry);
    previous = hash;
    return { ...entry, hash };
  });
}
