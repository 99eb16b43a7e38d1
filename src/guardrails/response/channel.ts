import type { Placeholders } from '../placeholders.ts';
import { TextWindow } from '../window.ts';
import type { Cut, TextRun } from '../window.ts';

/** A piece of a text that changes, and who wants it so; nobody where a value is put back. */
export interface Change extends Cut {
  by: readonly TextRun[];
  /** The side on which the text stays as it was, with its bytes. */
  same: 'kept' | 'sent' | undefined;
}

/** One text that comes in pieces. Offsets count UTF-16 units of it, as it was pushed. */
export interface Channel {
  readonly length: number;
  /** Everything before it is judged. */
  readonly settled: number;
  /** In order, without overlap; all of them end at or before `settled`. */
  readonly changes: readonly Change[];
  push(text: string): void;
  /** Nothing follows. */
  end(): void;
  /** Forgets the changes that end at or before `offset`. */
  forget(offset: number): void;
}

/** A window compares each find with the others that it has not forgotten, so a long text goes in slice by slice. */
const SLICE_CHARS = 16 * 1024;

/** What reads a text: the rules in their order, and whether placeholders become values again. */
export interface Sight {
  runs: readonly TextRun[];
  restore: boolean;
}

/**
 * A text that is what it is. Each rule has a window of its own, so that none hides what another finds: where finds
 * overlap, all of what they cover goes, and a block is a block.
 */
export class TextChannel implements Channel {
  readonly #windows: { window: TextWindow; by: readonly TextRun[] }[];
  #length = 0;
  #settled = 0;
  #changes: Change[] = [];

  constructor(sight: Sight, placeholders: Placeholders) {
    this.#windows = sight.runs.map((run) => ({ window: new TextWindow([run], placeholders, false), by: [run] }));
    if (sight.restore) this.#windows.push({ window: new TextWindow([], placeholders, true), by: [] });
  }

  get length(): number {
    return this.#length;
  }

  get settled(): number {
    return this.#settled;
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  push(text: string): void {
    if (text === '') return;
    for (let from = 0; from < text.length; from += SLICE_CHARS) {
      const slice = text.slice(from, from + SLICE_CHARS);
      this.#length += slice.length;
      for (const { window } of this.#windows) window.push(slice);
      this.#settle();
    }
  }

  end(): void {
    for (const { window } of this.#windows) window.end();
    this.#settle();
  }

  forget(offset: number): void {
    if (this.#changes.length > 0) this.#changes = this.#changes.filter(({ end }) => end > offset);
  }

  #settle(): void {
    let settled = this.#length;
    let found = false;
    for (const { window } of this.#windows) {
      if (window.settled < settled) settled = window.settled;
      if (window.cuts.length > 0) found = true;
    }
    if (!found) {
      this.#settled = settled;
      return;
    }
    const all = merged(
      this.#windows.flatMap(({ window, by }) => window.cuts.map((cut) => ({ ...cut, by, same: sameSide(cut, by) }))),
    );
    // A change that a slower rule may still widen waits with it.
    const open = all.find(({ end }) => end > settled);
    this.#settled = open === undefined ? settled : Math.min(settled, open.start);
    for (const change of all) {
      if (change.end <= this.#settled) this.#changes.push(change);
    }
    for (const { window } of this.#windows) window.forget(this.#settled);
  }
}

/** A value that is put back stays a placeholder for the journal; one that becomes a placeholder stays for the client. */
function sameSide({ kept, sent }: Cut, by: readonly TextRun[]): Change['same'] {
  if (kept === sent) return undefined;
  return by.length === 0 ? 'kept' : 'sent';
}

/** The same changes in order, those that overlap made one. Those of a rule further up come first. */
function merged(changes: Change[]): Change[] {
  const all: Change[] = [];
  for (const change of changes.sort((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (last === undefined || last.end <= change.start) all.push(change);
    else all[all.length - 1] = union(last, change);
  }
  return all;
}

/** `a` begins no later than `b`. What one of them takes from the client, the other does not give back. */
function union(a: Change, b: Change): Change {
  const redaction = [a, b].find(({ kept, sent }) => kept === sent);
  const beyond = b.end > a.end ? b.sent.slice(a.end - b.start) : '';
  return {
    start: a.start,
    end: Math.max(a.end, b.end),
    kept: (redaction ?? a).kept,
    sent: redaction === undefined ? a.sent + beyond : redaction.sent,
    blockedBy: a.blockedBy ?? b.blockedBy,
    by: [...a.by, ...b.by],
    same: redaction === undefined && a.same === b.same ? a.same : undefined,
  };
}

/** What `text`, which begins at `at` of its channel, becomes: a change's words stand where it begins. */
export function changed(text: string, at: number, changes: readonly Change[], side: 'kept' | 'sent'): string {
  let result = '';
  let from = 0;
  for (const change of changes) {
    if (change.same === side) continue;
    const start = Math.max(0, change.start - at);
    result += text.slice(from, start) + (change.start >= at ? change[side] : '');
    from = Math.min(text.length, change.end - at);
  }
  return result + text.slice(from);
}
