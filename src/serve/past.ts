import type { Journal } from '../journal/journal.ts';
import type { Slot } from '../journal/slots.ts';
import { errorChain } from '../lib/log.ts';
import { assert } from '../lib/result.ts';
import { FreedSlots } from './freed-slots.ts';
import type { FreedSlotsParts } from './freed-slots.ts';
import { replaySlot } from './replay-slot.ts';

export interface PastParts extends FreedSlotsParts {
  /** This process's own. */
  slot: Slot;
  journal: Pick<Journal, 'firstSegment' | 'setSegmentAside' | 'adoptSegment'>;
}

/**
 * What earlier processes left in the journal. First what is in our own slot, from the start on; then, for as long as we
 * run, what is in the slots of others that are gone.
 */
export class Past {
  /** Records of an earlier process may not be in the database yet, although it answers. */
  isBehind = true;
  readonly #parts: PastParts;
  readonly #freedSlots: FreedSlots;

  constructor(parts: PastParts) {
    this.#parts = parts;
    this.#freedSlots = new FreedSlots(parts);
  }

  /** Resolves once our own slot was read, or cannot be: then its files are kept. Nobody waits for it. */
  async takeUp(): Promise<void> {
    try {
      await this.#replayOwn();
    } catch (error) {
      this.#parts.replay.log.error({ error: errorChain(error) }, 'replaying the journal failed; its files are kept');
    }
    this.isBehind = false;
    this.#freedSlots.start();
  }

  stop(): Promise<void> {
    return this.#freedSlots.stop();
  }

  #replayOwn(): Promise<void> {
    const { slot, journal, marks, replay } = this.#parts;
    const own = marks.get(slot.gatewayId);
    assert(own !== undefined, 'our own journal is held against the database');
    return replaySlot(replay, {
      ...slot,
      before: journal.firstSegment,
      marks: own,
      onSegment: ({ segment, opened, unreadable }) => {
        if (unreadable) void journal.setSegmentAside(segment);
        else journal.adoptSegment(segment, opened);
      },
    });
  }
}
