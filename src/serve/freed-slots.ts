import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { segmentsIn } from '../journal/replay.ts';
import { segmentName } from '../journal/segment.ts';
import { claimFreedSlot, removeSlot } from '../journal/slots.ts';
import type { Slot } from '../journal/slots.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import { replaySlot } from './replay-slot.ts';
import type { SlotReplayParts } from './replay-slot.ts';
import { Watermarks } from './watermarks.ts';
import type { SegmentMarks } from './watermarks.ts';

/** How often slots are looked at: a few names in a few folders. A killed neighbour's records are late by this. */
const LOOK_EVERY_MS = 2_000;
/** After one that could not be read: most likely it cannot be read the next time either. */
const LOOK_AGAIN_MS = 60_000;

/** Everything was handed on so long ago, and the database still misses some: it is read and handed on again. */
const SETTLED_WITHIN_MS = 60_000;
const POLL_MS = 100;

export interface FreedSlotsParts {
  dataDir: string;
  replay: SlotReplayParts;
  /** By the name that a journal's segments are counted under. */
  marks: Map<string, SegmentMarks>;
  jobs: {
    /** Records that the queue does not have yet. */
    readonly waiting: number;
    readonly state: { database: 'up' | 'down'; queue: 'up' | 'down' };
    follow(gateway: string, fromSegment: number): void;
    unfollow(gateway: string): void;
  };
  captures: { readonly waiting: number };
  clock: Clock;
}

/**
 * Takes up what other processes of this data directory left in their slots of the journal: one that was killed, or that
 * drained while the database was away. One slot at a time, and as slowly as the queue takes it.
 */
export class FreedSlots {
  readonly #parts: FreedSlotsParts;
  #timer: NodeJS.Timeout | undefined;
  #at: Slot | undefined;
  #stopped = false;

  constructor(parts: FreedSlotsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#lookIn(LOOK_EVERY_MS);
  }

  /** Lets go of the slot at hand: the next process begins it anew. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#giveBack();
  }

  #lookIn(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      void this.#look()
        .then(
          () => LOOK_EVERY_MS,
          (error: unknown) => {
            const slot = this.#at?.folder;
            this.#parts.replay.log.error({ slot, error: errorChain(error) }, 'a journal slot cannot be taken up now');
            return LOOK_AGAIN_MS;
          },
        )
        .then(async (nextMs) => {
          await this.#giveBack();
          this.#lookIn(nextMs);
        });
    }, ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const slot = await claimFreedSlot(this.#parts.dataDir);
    if (slot === undefined) return;
    this.#at = slot;
    const { replay, jobs, marks } = this.#parts;
    const segments = await segmentsIn(slot.folder, 0, Infinity);
    const left = new Set(segments);
    const damaged: number[] = [];
    replay.log.info(
      { slot: slot.folder, segments: segments.length },
      'taking up the journal of a process that is gone',
    );
    const slotMarks = new Watermarks((segment) => left.delete(segment));
    marks.set(slot.gatewayId, slotMarks);
    jobs.follow(slot.gatewayId, segments[0] ?? 0);
    try {
      await replaySlot(replay, {
        folder: slot.folder,
        gatewayId: slot.gatewayId,
        before: Infinity,
        marks: slotMarks,
        onSegment: ({ segment, unreadable }) => {
          if (unreadable) damaged.push(segment);
        },
      });
      for (const segment of damaged) {
        const path = join(slot.folder, segmentName(segment));
        // Kept for its owner to look at.
        await rename(path, `${path}.bad`);
        left.delete(segment);
      }
      if (!(await this.#settles(left))) {
        if (!this.#stopped) replay.log.warn({ slot: slot.folder }, 'records of that journal did not arrive; once more');
        return;
      }
    } finally {
      jobs.unfollow(slot.gatewayId);
      marks.delete(slot.gatewayId);
    }
    this.#at = undefined;
    await removeSlot(slot);
    replay.log.info({ slot: slot.folder }, 'all of that journal is in the database; it is removed');
  }

  /** False when the database did not get all of it although it could have. */
  async #settles(left: ReadonlySet<number>): Promise<boolean> {
    const { jobs, captures, clock } = this.#parts;
    let busyAtMs = clock.nowMs();
    while (left.size > 0) {
      if (this.#stopped) return false;
      const away = jobs.state.database === 'down' || jobs.state.queue === 'down';
      if (away || jobs.waiting > 0 || captures.waiting > 0) busyAtMs = clock.nowMs();
      if (clock.nowMs() - busyAtMs > SETTLED_WITHIN_MS) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return true;
  }

  async #giveBack(): Promise<void> {
    const slot = this.#at;
    this.#at = undefined;
    await slot?.lock.release();
  }
}
