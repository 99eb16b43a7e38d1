import type { OpenSegment } from './open-segment.ts';
import type { JournalOptions, JournalState } from './options.ts';
import type { Segments } from './segments.ts';
import type { Writer } from './writer.ts';

export interface ConditionParts {
  mode: JournalOptions['mode'];
  stallAfterMs: number;
  segments: Segments;
  writer: Writer;
  onState: (state: JournalState, why: string) => void;
}

const STALL_CHECK_MS = 100;

/**
 * How the disk does, and with the configured mode what the journal promises: owner of its state. `stalled` while a write
 * takes too long, until all are done; `failed` from a write that failed until another file takes the place of its own.
 */
export class Condition {
  readonly #parts: ConditionParts;
  #mode: JournalOptions['mode'];
  #disk: 'well' | 'stalled' | 'failed' = 'well';
  #why = '';
  #stallWatch: NodeJS.Timeout | undefined;
  stalls = 0;
  failures = 0;

  constructor(parts: ConditionParts) {
    this.#parts = parts;
    this.#mode = parts.mode;
  }

  get state(): JournalState {
    if (this.#disk === 'failed') return 'failed';
    return this.#disk === 'stalled' ? 'behind' : this.#mode;
  }

  /** The disk neither stalls nor has failed, whatever the mode is. */
  get isWell(): boolean {
    return this.#disk === 'well';
  }

  /** Of the last change: why nothing can be written, while that is so. */
  get why(): string {
    return this.#why;
  }

  reconfigure(mode: JournalOptions['mode']): void {
    this.#change('configured', () => {
      this.#mode = mode;
    });
  }

  /** A write or a sync failed: nothing more goes to that file. */
  failed(segment: OpenSegment, error: unknown): void {
    this.failures += 1;
    const { segments } = this.#parts;
    const wasCurrent = segment === segments.current;
    const failure = error instanceof Error ? error : new Error(String(error));
    segments.abandon(segment, failure, () => {
      this.#become('well', 'the disk takes writes again');
    });
    if (wasCurrent) this.#become('failed', systemCode(failure));
  }

  /** A write is under way, to be watched until `caughtUp`. */
  watch(): void {
    this.#stallWatch ??= setInterval(() => {
      this.#lookForStall();
    }, STALL_CHECK_MS);
  }

  /** No write is under way any more. */
  caughtUp(): void {
    this.unwatch();
    if (this.#disk === 'stalled') this.#become('well', 'the disk has caught up');
  }

  unwatch(): void {
    clearInterval(this.#stallWatch);
    this.#stallWatch = undefined;
  }

  #lookForStall(): void {
    const { writer, stallAfterMs } = this.#parts;
    if (this.#disk !== 'well' || writer.oldestMs < stallAfterMs) return;
    this.stalls += 1;
    this.#become('stalled', `a write takes more than ${stallAfterMs} ms`);
  }

  #become(disk: 'well' | 'stalled' | 'failed', why: string): void {
    this.#change(why, () => {
      this.#disk = disk;
      this.#why = why;
    });
  }

  #change(why: string, change: () => void): void {
    const before = this.state;
    change();
    const after = this.state;
    if (before !== after) this.#parts.onState(after, why);
  }
}

/** Such as `ENOSPC`: a client may read it, a path it may not. */
function systemCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
