import type { Charged } from '../contract/quota.ts';
import type { OpenSegment } from './open-segment.ts';
import { Places } from './places.ts';
import type { Extent } from './places.ts';
import type { Waiter } from './releases.ts';
import type { WriteJob } from './writer.ts';

/** Frames that stand together in the file, and whose they are. */
export interface Turn {
  segment: OpenSegment;
  position: number;
  exchanges: Tracked[];
  /** Those among them whose `opened` frame this is. */
  opened: Tracked[];
}

/** What the journal knows of an exchange from its `opened` frame until it is forgotten. */
export class Tracked implements Waiter {
  readonly idBytes: Buffer;
  /** Of the next frame. */
  sequence = 0;
  readonly places = new Places();
  /** Where the `opened` frame is; 0 when it is in no segment. */
  segment = 0;
  /** Somebody was told the segment: it must go on counting this exchange. */
  segmentTold = false;
  /** The last turn that has a frame of this exchange. */
  turn: Turn | undefined;
  closed = false;
  /** Kept here too: what was charged must not be charged again because the disk failed. */
  charged: Charged | undefined;
  readonly jobs: WriteJob[] = [];
  readonly held: Waiter['held'] = [];
  queued = 0;
  missing = 0;
  /** Those that wait for what is under way. */
  #readers: { afterJob: number; resolve: () => void }[] = [];

  constructor(idBytes: Buffer) {
    this.idBytes = idBytes;
  }

  /** Resolves when all that is under way, in jobs up to `lastJob`, is on disk; with where it stands. */
  async written(lastJob: number): Promise<Extent[]> {
    const extents = this.places.extents();
    if (this.jobs.length > 0) {
      await new Promise<void>((resolve) => this.#readers.push({ afterJob: lastJob, resolve }));
    }
    return extents;
  }

  jobDone(job: WriteJob): void {
    this.jobs.splice(this.jobs.indexOf(job), 1);
    this.#readers = this.#readers.filter(({ afterJob, resolve }) => {
      const waits = this.jobs.some(({ number }) => number <= afterJob);
      if (!waits) resolve();
      return waits;
    });
  }
}
