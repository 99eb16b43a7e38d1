import type { Pool } from 'pg';
import { EMPTY, hashOf } from '../audit/chain.ts';
import type { End } from '../audit/chain.ts';
import { isSignedBy } from '../audit/checkpoint.ts';
import type { AuditPublicKey } from '../audit/key.ts';
import { LogVerifier, placeOf, sentenceOf } from '../audit/verify.ts';
import type { Finding } from '../audit/verify.ts';
import type { Checkpoint } from '../contract/audit.ts';
import { entriesAfter, entryAt, lastCheckpoint, reachOf } from '../store/audit.ts';

/** As many entries as there are between two checkpoints at most, in pages. */
const PAGE = 500;
const PAGES = 2;

/**
 * How far the audit log goes, how far it is signed, and whether what is not signed yet follows from what is: a look at the
 * end alone, as often as somebody likes. `aperture audit verify` recomputes all of it.
 */
export async function lookAtAudit(pool: Pool, key: AuditPublicKey): Promise<unknown> {
  // The checkpoint first: entries that come meanwhile are behind it.
  const last = await lastCheckpoint(pool);
  const { entries, unsignedSinceMs } = await reachOf(pool);
  const wrong = last === undefined ? undefined : await wrongAt(pool, last, entries, key);
  const { end, finding } = wrong === undefined ? await follow(pool, endOf(last), key) : { end: EMPTY, finding: wrong };
  return {
    entries: Number(entries),
    signed:
      last === undefined
        ? null
        : { number: Number(last.number), at: timeText(last.atMs), key_id: last.keyId, own_key: last.keyId === key.id },
    unsigned_since: unsignedSinceMs === null ? null : timeText(String(unsignedSinceMs)),
    follows_through: Number(end.number),
    finding: finding === undefined ? null : { number: Number(placeOf(finding)), sentence: sentenceOf(finding) },
  };
}

/** Of a checkpoint that another key signed, nobody here can tell whose it was. */
async function wrongAt(
  pool: Pool,
  last: Checkpoint,
  entries: bigint,
  key: AuditPublicKey,
): Promise<Finding | undefined> {
  const number = BigInt(last.number);
  if (last.keyId === key.id && !isSignedBy(last, key)) return { kind: 'forged', checkpoint: last.number };
  const entry = await entryAt(pool, number);
  if (entry === undefined) return { kind: 'cut', end: entries, checkpoint: number };
  if (Buffer.compare(hashOf(entry), entry.hash) !== 0) return { kind: 'altered', number };
  if (Buffer.compare(last.hash, entry.hash) !== 0) return { kind: 'rewritten', checkpoint: number, since: 0n };
  return undefined;
}

async function follow(pool: Pool, from: End, key: AuditPublicKey): Promise<{ end: End; finding: Finding | undefined }> {
  const verifier = new LogVerifier([key], from);
  for (let at = 0; at < PAGES; at += 1) {
    const page = await entriesAfter(pool, verifier.end.number, PAGE);
    const finding = verifier.take(page, []);
    if (finding !== undefined || page.length < PAGE) return { end: verifier.end, finding };
  }
  return { end: verifier.end, finding: undefined };
}

function endOf(checkpoint: Checkpoint | undefined): End {
  return checkpoint === undefined ? EMPTY : { number: BigInt(checkpoint.number), hash: checkpoint.hash };
}

/** Somebody may have replaced it by what is none. */
function timeText(ms: string): string {
  const at = new Date(Number(ms));
  return Number.isNaN(at.getTime()) ? ms : at.toISOString();
}
