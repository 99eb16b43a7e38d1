import type { QuotaCrossed } from '../contract/event.ts';
import { nameOfKey } from './defined-keys.ts';

/** Spent shares of a bucket's capacity, in percent, that are told when they are passed upwards. */
const CROSSINGS = [50, 80, 95, 100] as const;

/** What was told is told again once the share has fallen so far below: a balance that hovers there is not news. */
const REARM_POINTS = 5;

/** What a store says of a bucket's balance. */
export interface Balance {
  key: string;
  capacity: number;
  balance: number;
}

/** A bucket that was charged or refilled since it was last looked at. */
export interface Noted {
  key: string;
  /** The highest crossing that its spent share now has behind it; 0 for none. */
  passed: number;
  /** The least that stayed told of it, and when that was asked for. */
  low: { stays: number; atMs: number };
  /** When it was last asked for. */
  atMs: number;
}

/** What was told of a bucket, as the table of marks has it. */
export interface Mark {
  /** The highest crossing that was told and is not armed again; all below it are told, too. 0 for none. */
  told: number;
  /** Counts up with each change; 0: there is no row. */
  version: number;
  /** Since the last change; infinite without a row. */
  sinceMs: number;
}

export const NO_MARK: Mark = { told: 0, version: 0, sinceMs: Number.POSITIVE_INFINITY };

/** What becomes of a mark, and the crossings that this tells of, lowest first. */
export interface Change {
  key: string;
  told: number;
  version: number;
  crossed: readonly number[];
}

/**
 * Balances as they come by in the answers of the store, by bucket, until somebody looks at them. Nothing here asks the
 * store or the database; of each bucket there is one entry, of which a process has 200,000 at most (`caller-buckets.ts`).
 */
export class SeenBalances {
  #noted = new Map<string, Noted>();

  get size(): number {
    return this.#noted.size;
  }

  /**
   * @param askedAtMs When the store was asked: the balance is of that moment or a later one.
   * @param refilled Somebody has filled it up: what it is now below is armed again, without a margin.
   */
  note(seen: Balance, askedAtMs: number, refilled = false): void {
    if (seen.capacity <= 0) return;
    const passed = passedOf(seen);
    const stays = refilled ? passed : staysOf(seen);
    const before = this.#noted.get(seen.key)?.low;
    const low = before !== undefined && before.stays < stays ? before : { stays, atMs: askedAtMs };
    this.#noted.set(seen.key, { key: seen.key, passed, low, atMs: askedAtMs });
  }

  /** The first ones, which are no longer here afterwards. */
  take(most: number): Noted[] {
    const taken: Noted[] = [];
    for (const noted of this.#noted.values()) {
      if (taken.length === most) break;
      taken.push(noted);
    }
    for (const { key } of taken) this.#noted.delete(key);
    return taken;
  }

  /** They could not be looked at. */
  again(noted: Iterable<Noted>): void {
    for (const one of noted) {
      const newer = this.#noted.get(one.key);
      if (newer === undefined) this.#noted.set(one.key, one);
      else if (one.low.stays < newer.low.stays) this.#noted.set(one.key, { ...newer, low: one.low });
    }
  }

  /** Nobody wants to know of what was last seen before then. */
  forget(beforeMs: number): void {
    for (const [key, { atMs }] of this.#noted) if (atMs < beforeMs) this.#noted.delete(key);
  }
}

/** Whether the balance that came by may change the mark: only then it is worth another look at the store. */
export function mayChange(mark: Mark, noted: Noted, nowMs: number): boolean {
  return noted.passed > mark.told || armedBy(mark, noted, nowMs) < mark.told;
}

/**
 * What the balance of now, read after the mark was, makes of it. Undefined where nothing changes.
 *
 * @param nowMs When the mark had been read.
 */
export function changeOf(mark: Mark, noted: Noted, now: Balance, nowMs: number): Change | undefined {
  if (now.capacity <= 0) return undefined;
  const armed = Math.min(armedBy(mark, noted, nowMs), staysOf(now));
  const told = Math.max(armed, passedOf(now));
  const crossed = CROSSINGS.filter((crossing) => crossing > armed && crossing <= told);
  if (told === mark.told && crossed.length === 0) return undefined;
  return { key: noted.key, told, version: mark.version, crossed };
}

/** Undefined where its quota is not defined any more. */
export function crossedEvents(
  { key, crossed }: Change,
  { capacity, balance }: Balance,
  isDefined: (name: string) => boolean,
  nowMs: number,
): QuotaCrossed[] {
  const quota = nameOfKey(key, isDefined);
  if (quota === undefined) return [];
  return crossed.map((spent_percent) => ({
    quota,
    bucket: key,
    spent_percent,
    balance_nanodollars: wholeText(balance),
    capacity_nanodollars: wholeText(capacity),
    at: new Date(nowMs).toISOString(),
  }));
}

/**
 * What stays told by a low that came by. One from before the mark was changed says nothing: the bucket fell, and was told
 * of again. Both are spans and not moments, so that clocks of two machines need not agree.
 */
function armedBy(mark: Mark, { low }: Noted, nowMs: number): number {
  return nowMs - low.atMs < mark.sinceMs ? Math.min(mark.told, low.stays) : mark.told;
}

function passedOf(seen: Balance): number {
  return CROSSINGS.findLast((crossing) => pointsBeyond(seen, crossing) >= 0) ?? 0;
}

function staysOf(seen: Balance): number {
  return CROSSINGS.findLast((crossing) => pointsBeyond(seen, crossing) > -REARM_POINTS) ?? 0;
}

function pointsBeyond({ capacity, balance }: Balance, crossing: number): number {
  return ((capacity - balance) / capacity) * 100 - crossing;
}

function wholeText(nanodollars: number): string {
  return BigInt(Math.floor(nanodollars)).toString();
}
