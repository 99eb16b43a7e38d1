import type { Pool, PoolClient } from 'pg';
import { EMPTY } from '../audit/chain.ts';
import type { End } from '../audit/chain.ts';
import type { AuditPublicKey } from '../audit/key.ts';
import { LogVerifier } from '../audit/verify.ts';
import type { Finding } from '../audit/verify.ts';
import type { ChainedEntry, Checkpoint } from '../contract/audit.ts';
import { checkpointsIn, entriesAfter, entryAt } from '../store/audit.ts';
import { inTransaction } from '../store/database.ts';

export interface VerifyWish {
  /** The first entry that is looked at; the one before it is taken on trust. */
  from: bigint;
  /** Those that checkpoints may be signed with. */
  keys: readonly AuditPublicKey[];
  /** Checkpoints that were kept outside of the database, by number. */
  outside: readonly Checkpoint[];
}

export interface VerifyReport {
  entries: number;
  checkpoints: number;
  /** Number of the last entry that is as it was written; 0: none. */
  through: bigint;
  /** Number of the last entry that a good checkpoint covers. */
  signed: bigint;
  firstAtMs: string | null;
  lastAtMs: string | null;
  /** The first thing that is wrong; undefined: nothing is. */
  finding: Finding | undefined;
  /** The entry that it is about, as it is now. */
  entry: ChainedEntry | undefined;
}

/** Bounds the memory: details are a few hundred bytes, and 64 KiB at most. */
const PAGE = 500;

/** Recomputes the whole log, as it is at one moment. */
export function verifyLog(pool: Pool, wish: VerifyWish): Promise<VerifyReport> {
  return atOneMoment(pool, async (client) => {
    const after = await behind(client, wish.from);
    const verifier = new LogVerifier(wish.keys, after ?? { ...EMPTY, number: wish.from - 1n });
    const report = { firstAtMs: null as string | null, lastAtMs: null as string | null };
    const told = (finding: Finding | undefined, entry?: ChainedEntry): VerifyReport => {
      return { ...verifier.counts, through: verifier.end.number, signed: verifier.signed, ...report, finding, entry };
    };
    if (after === undefined) return told({ kind: 'missing', from: wish.from - 1n, to: wish.from - 1n });
    const outside = wish.outside.filter(({ number }) => BigInt(number) > after.number);
    for (let last = wish.from === 1n ? undefined : after.number; ;) {
      const page = await entriesAfter(client, last, PAGE);
      const through = page.at(-1);
      if (through === undefined) {
        const beyond = inOrder(await checkpointsIn(client, last, undefined), above(outside, last));
        return told(verifier.finish(beyond));
      }
      const number = BigInt(through.number);
      const signed = inOrder(await checkpointsIn(client, last, number), upTo(above(outside, last), number));
      const finding = verifier.take(page, signed);
      if (finding !== undefined)
        return told(
          finding,
          page.find((each) => each.number === numberOf(finding)),
        );
      report.firstAtMs ??= page[0]?.atMs ?? null;
      report.lastAtMs = through.atMs;
      last = number;
    }
  });
}

/** All entries from one on, in order, a page at a time, as they are at one moment. */
export function eachPage(pool: Pool, from: bigint, use: (page: ChainedEntry[]) => void): Promise<void> {
  return atOneMoment(pool, async (client) => {
    for (let last = from - 1n; ;) {
      const page = await entriesAfter(client, last, PAGE);
      const through = page.at(-1);
      if (through === undefined) return;
      use(page);
      last = BigInt(through.number);
    }
  });
}

function atOneMoment<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    return work(client);
  });
}

async function behind(client: PoolClient, from: bigint): Promise<End | undefined> {
  if (from === 1n) return EMPTY;
  const entry = await entryAt(client, from - 1n);
  return entry === undefined ? undefined : { number: from - 1n, hash: entry.hash };
}

function inOrder(one: readonly Checkpoint[], other: readonly Checkpoint[]): Checkpoint[] {
  return [...one, ...other].sort((a, b) => Number(BigInt(a.number) - BigInt(b.number)));
}

function above(checkpoints: readonly Checkpoint[], number: bigint | undefined): Checkpoint[] {
  return checkpoints.filter((each) => number === undefined || BigInt(each.number) > number);
}

function upTo(checkpoints: readonly Checkpoint[], number: bigint): Checkpoint[] {
  return checkpoints.filter((each) => BigInt(each.number) <= number);
}

function numberOf(finding: Finding): string {
  switch (finding.kind) {
    case 'altered':
    case 'unlinked':
    case 'surplus':
      return String(finding.number);
    case 'rewritten':
      return String(finding.checkpoint);
    default:
      return '';
  }
}
