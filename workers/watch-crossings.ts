import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlEvent } from '../src/contract/event.ts';
import type { QuotaStore } from '../src/contract/quota.ts';
import type { Clock } from '../src/lib/clock.ts';
import { changeOf, crossedEvents, mayChange, NO_MARK, SeenBalances } from '../src/quota/crossings.ts';
import type { Balance, Noted } from '../src/quota/crossings.ts';
import { codeOf, openPool } from '../src/store/database.ts';
import type { DatabaseAddress } from '../src/store/database.ts';
import { createQuotaMarks } from '../src/store/quota-marks.ts';
import type { MarkChange } from '../src/store/quota-marks.ts';

export interface CrossingsParts {
  /** Where marks and the outbox are, wherever balances are. */
  address: DatabaseAddress;
  balances: Pick<QuotaStore, 'list'>;
  /** Of all quotas that are defined. */
  names: readonly string[];
  clock: Clock;
  everyMs: number;
  onError: (error: unknown) => void;
  /** After each look that had something to look at. */
  onLook: (told: number, waiting: number) => void;
}

export interface Crossings {
  /** The store has said what is left of a bucket, of which it was asked then. */
  saw(seen: Balance, askedAtMs: number, refilled?: boolean): void;
  reconfigure(names: readonly string[]): void;
  sweep(defines: (key: string) => boolean): Promise<number>;
  close(): Promise<void>;
}

/** Nobody waits for a look: one connection. */
const POOL = { name: 'quota-marks', max: 1, statementMs: 5_000, waitMs: 2_000 };

/** Buckets of one look, and of one transaction: a bucket is a row of an index, and four events at most. */
const LOOKED_AT_ONCE = 2_000;
const CHANGED_AT_ONCE = 200;

/** Somebody wants to be told: asked again after so long. Nobody does: with each look, which is then all it comes to. */
const WANTED_FOR_MS = 5_000;
/** What was seen is kept for a destination that becomes known a moment later, as at the start. */
const UNWANTED_KEPT_MS = 10_000;

/**
 * Tells when the spent share of a bucket passes a threshold. What is known of balances comes by with claims; about once a
 * second those are held against the marks of what was told, and where they differ, the balance is read again: after the
 * mark, which nobody may have changed in between, so that of several gateways one tells.
 */
export function watchCrossings(parts: CrossingsParts): Crossings {
  const { balances, clock, onError } = parts;
  const pool = openPool(parts.address, { ...POOL, onError });
  const marks = createQuotaMarks(pool);
  const seen = new SeenBalances();
  let names = new Set(parts.names);
  let wantedUntilMs = 0;

  const isWanted = async (): Promise<boolean> => {
    if (clock.nowMs() < wantedUntilMs) return true;
    if (!(await marks.areWanted())) return false;
    wantedUntilMs = clock.nowMs() + WANTED_FOR_MS;
    return true;
  };

  /** Answers how many events were told. */
  const tell = async (noted: readonly Noted[]): Promise<number> => {
    const keys = noted.map(({ key }) => key);
    const told = await marks.read(keys);
    const readAtMs = clock.nowMs();
    const now = new Map((await balances.list({ keys, limit: keys.length })).map((row) => [row.key, row]));
    const changes = noted.flatMap((one): MarkChange[] => {
      const balance = now.get(one.key);
      if (balance === undefined) return [];
      const change = changeOf(told.get(one.key) ?? NO_MARK, one, balance, readAtMs);
      if (change === undefined) return [];
      const events = crossedEvents(change, balance, (name) => names.has(name), clock.nowMs());
      return [{ ...change, events: events.map((data): ControlEvent => ({ kind: 'quota.crossed', data })) }];
    });
    if (changes.length === 0) return 0;
    const ours = await marks.change(changes, clock.nowMs());
    // Somebody else was quicker: what is left to tell after that, if anything.
    seen.again(noted.filter(({ key }) => changes.some((change) => change.key === key) && !ours.has(key)));
    return changes.reduce((sum, { key, events }) => sum + (ours.has(key) ? events.length : 0), 0);
  };

  const look = async (): Promise<void> => {
    if (seen.size === 0) return;
    if (!(await isWanted())) {
      seen.forget(clock.nowMs() - UNWANTED_KEPT_MS);
      return;
    }
    const taken = seen.take(LOOKED_AT_ONCE);
    let left: readonly Noted[] = taken;
    let told = 0;
    try {
      const known = await marks.read(taken.map(({ key }) => key));
      const readAtMs = clock.nowMs();
      left = taken.filter((one) => mayChange(known.get(one.key) ?? NO_MARK, one, readAtMs));
      while (left.length > 0) {
        told += await tell(left.slice(0, CHANGED_AT_ONCE));
        left = left.slice(CHANGED_AT_ONCE);
      }
    } finally {
      seen.again(left);
      parts.onLook(told, seen.size);
    }
  };

  const stop = new AbortController();
  const looks = async (): Promise<void> => {
    for (;;) {
      await sleep(parts.everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return;
      await look().catch((error: unknown) => {
        if (!isMissing(error)) onError(error);
      });
    }
  };
  const done = looks();
  return {
    saw: (balance, askedAtMs, refilled) => {
      seen.note(balance, askedAtMs, refilled);
    },
    reconfigure: (changed) => {
      names = new Set(changed);
    },
    sweep: (defines) =>
      marks.sweep(defines).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        return 0;
      }),
    close: async () => {
      stop.abort();
      await done;
      await pool.end();
    },
  };
}

/** The tables of a first start are still on their way. */
function isMissing(error: unknown): boolean {
  return ['42P01', '3F000', '42703'].includes(codeOf(error));
}
