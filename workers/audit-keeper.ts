import type { Pool } from 'pg';
import { EMPTY } from '../src/audit/chain.ts';
import type { End } from '../src/audit/chain.ts';
import { checkpointOf, isSignedBy, lineOf } from '../src/audit/checkpoint.ts';
import type { AuditKey } from '../src/audit/key.ts';
import { LogVerifier, sentenceOf } from '../src/audit/verify.ts';
import type { Checkpoint } from '../src/contract/audit.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import type { ToldByControl } from '../src/serve/control-messages.ts';
import { addCheckpoint, entriesAfter, entryAt, lastCheckpoint, reachOf } from '../src/store/audit.ts';
import type { AuditReach } from '../src/store/audit.ts';

/** Entries wait so long for a checkpoint, and so many of them: an alteration in between is one that nobody signed. */
const SIGN_EVERY_MS = 5 * 60_000;
const SIGN_EVERY_ENTRIES = 1_000n;
const LOOK_EVERY_MS = 5_000;
const PAGE = 500;

export interface AuditKeeper {
  /** Signs where that is due. Rejects when the database is away. */
  look(): Promise<void>;
  /** Makes it due now. */
  soon(): void;
  /** Signs what is not signed. */
  sign(): Promise<void>;
}

/**
 * Signs what the audit log has come to. What is new since the last checkpoint is verified first: nothing is signed that does
 * not follow from what was signed before.
 */
export function createAuditKeeper(parts: {
  /** Undefined while the database starts. */
  pool: () => Pool | undefined;
  key: AuditKey;
  clock: Clock;
  log: Log;
  tell: (message: ToldByControl) => void;
}): AuditKeeper {
  const { key, clock, log } = parts;
  let lookedAtMs = 0;
  let isDue = false;
  let broken = false;
  let complaint = { why: '', atMs: 0 };
  /** The last that this process has signed. */
  let signed: End = EMPTY;

  const tell = ({ entries, unsignedSinceMs }: AuditReach): void => {
    parts.tell({ kind: 'audit', entries: Number(entries), unsignedSinceMs, broken });
  };

  /** What was signed last, and still stands there; or why it cannot be gone on from. */
  const standing = async (pool: Pool): Promise<End | string> => {
    const last = await lastCheckpoint(pool);
    if (endOf(last).number < signed.number) {
      return `checkpoint ${signed.number}, which this process has signed, is gone`;
    }
    // By another key: of before the secret key was changed, or of somebody who wants to be gone on from.
    const ours = last === undefined || last.keyId === key.id ? last : await lastCheckpoint(pool, key.id);
    if (ours !== undefined && !isSignedBy(ours, key)) return `checkpoint ${ours.number} is not signed by this key`;
    for (const each of [signed, endOf(last), endOf(ours)]) {
      const why = await whyNotThere(pool, each);
      if (why !== undefined) return why;
    }
    return endOf(ours);
  };

  /** The end of the log, all up to there verified from what was signed last; or what is wrong. */
  const verified = async (pool: Pool, from: End): Promise<End | string> => {
    const verifier = new LogVerifier([key], from);
    for (;;) {
      const page = await entriesAfter(pool, verifier.end.number, PAGE);
      const finding = verifier.take(page, []);
      if (finding !== undefined) return sentenceOf(finding);
      if (page.length < PAGE) return verifier.end;
    }
  };

  /** Whatever looks again, the same is said once in a while. */
  const complain = (why: string): void => {
    const nowMs = clock.nowMs();
    if (complaint.why === why && nowMs - complaint.atMs < SIGN_EVERY_MS) return;
    complaint = { why, atMs: nowMs };
    log.error({ why }, 'the audit log was tampered with: it is not signed; see aperture audit verify');
  };

  const sign = async (): Promise<void> => {
    const pool = parts.pool();
    if (pool === undefined) return;
    const from = await standing(pool);
    const end = typeof from === 'string' ? from : await verified(pool, from);
    broken = typeof end === 'string';
    if (typeof from === 'string') complain(from);
    else if (typeof end === 'string') complain(end);
    else if (end.number > from.number) {
      const checkpoint = checkpointOf(end, clock.nowMs(), key);
      if (await addCheckpoint(pool, checkpoint)) {
        log.info({ checkpoint: lineOf(checkpoint) }, 'the audit log was signed');
        signed = end;
      }
    }
    isDue = false;
    tell(await reachOf(pool));
  };

  const look = async (): Promise<void> => {
    const pool = parts.pool();
    if (pool === undefined || (!isDue && clock.nowMs() - lookedAtMs < LOOK_EVERY_MS)) return;
    lookedAtMs = clock.nowMs();
    const reach = await reachOf(pool);
    const waitedMs = reach.unsignedSinceMs === null ? 0 : clock.nowMs() - reach.unsignedSinceMs;
    const isCut = reach.entries < reach.signed || reach.signed < signed.number;
    const enough = waitedMs >= SIGN_EVERY_MS || reach.entries - reach.signed >= SIGN_EVERY_ENTRIES;
    if (isDue || isCut || enough) await sign();
    else tell(reach);
  };

  return {
    look,
    soon: () => {
      isDue = true;
    },
    sign,
  };
}

function endOf(checkpoint: Checkpoint | undefined): End {
  return checkpoint === undefined ? EMPTY : { number: BigInt(checkpoint.number), hash: checkpoint.hash };
}

async function whyNotThere(pool: Pool, { number, hash }: End): Promise<string | undefined> {
  if (number === EMPTY.number) return undefined;
  const entry = await entryAt(pool, number);
  if (entry === undefined) return `entry ${number} is gone, a checkpoint of it exists`;
  const isSame = Buffer.compare(entry.hash, hash) === 0;
  return isSame ? undefined : `entry ${number} is not the one that was signed as ${number}`;
}
