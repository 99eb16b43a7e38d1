import type { Fault } from '../contract/fault.ts';
import type { Condition } from './condition.ts';
import type { JournalOptions } from './options.ts';
import type { Segments } from './segments.ts';
import type { Writer } from './writer.ts';

type Limits = Pick<JournalOptions, 'maxBytes' | 'whenFull' | 'bufferBytes'>;

/** The part of `maxBytes` up to which everything is taken; what lies above is for exchanges that have begun. */
const FULL_FROM = 0.9;

/** What the journal may hold, on disk and in memory, and what it does when that is full: refuses, or drops bodies. */
export class Bounds {
  #limits: Limits;
  readonly #segments: Segments;
  readonly #writer: Writer;
  readonly #condition: Condition;

  constructor(limits: Limits, segments: Segments, writer: Writer, condition: Condition) {
    this.#limits = limits;
    this.#segments = segments;
    this.#writer = writer;
    this.#condition = condition;
  }

  reconfigure(slice: Pick<Limits, 'maxBytes' | 'whenFull'>): void {
    this.#limits = { ...slice, bufferBytes: this.#limits.bufferBytes };
  }

  /** Why no exchange may begin now; undefined: one may. */
  get refusal(): Fault | undefined {
    const { whenFull, maxBytes, bufferBytes } = this.#limits;
    const { state, why } = this.#condition;
    if (state === 'failed' && whenFull === 'refuse') return { code: 'journal_failed', why };
    const fullAt = whenFull === 'refuse' ? maxBytes * FULL_FROM : maxBytes;
    if (this.#segments.bytes >= fullAt) return { code: 'journal_full', limitBytes: maxBytes };
    const mayDrop = whenFull === 'drop_bodies' && state !== 'strict';
    if (this.#writer.pendingBytes > bufferBytes && !mayDrop) {
      return { code: 'overloaded', what: 'journal', limit: bufferBytes };
    }
    return undefined;
  }

  /** There is no room for a body's frame. */
  get mustDrop(): boolean {
    const { whenFull, maxBytes, bufferBytes } = this.#limits;
    if (this.#segments.bytes >= (whenFull === 'drop_bodies' ? maxBytes * FULL_FROM : maxBytes)) return true;
    return this.#condition.state !== 'strict' && this.#writer.pendingBytes > bufferBytes;
  }
}
