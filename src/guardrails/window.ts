import type { TextAction } from '../contract/guardrail.ts';
import { CONTEXT_CHARS } from './detector.ts';
import type { TextDetector } from './detector.ts';
import type { Placeholders } from './placeholders.ts';
import type { Tally } from './tally.ts';

/** A text rule at work on one side of an exchange. */
export interface TextRun {
  name: string;
  action: TextAction;
  shadow: boolean;
  detector: TextDetector;
  tally: Tally;
}

/** A piece of a text that does not stay as it is. Offsets count UTF-16 units from the text's beginning. */
export interface Cut {
  start: number;
  end: number;
  /** What stands there in the journal and for the provider. */
  kept: string;
  /** What the client gets there. */
  sent: string;
  /** The rule that refuses the exchange for it. */
  blockedBy: string | undefined;
}

interface Runner {
  detector: TextDetector;
  /** Undefined: the one that puts values back. */
  run: TextRun | undefined;
  /** Judged up to here. */
  settled: number;
  /** What goes on there. */
  open: string | undefined;
}

/** What a runner found, until it is known what else was found in its place. */
interface Find {
  run: TextRun | undefined;
  /** What goes before others in the same place: blocks, then the rules in their order, then what puts values back. */
  rank: number;
  start: number;
  end: number;
  kind: string;
}

/**
 * While much is held back, it is read again only when it has grown by this part: a stream of single characters would be
 * read once for each of them otherwise.
 */
const GROWN_PART = 16;
const READ_ALWAYS_CHARS = 256;

/**
 * Reads one text as it comes and says what of it may go on, and changed how. What it says does not depend on how the text
 * is cut. Where finds of rules overlap, the first rule's stands, of another's what reaches beyond it is cut too, so what any
 * rule wants gone is gone; a block goes before all.
 *
 * Holds back what a rule has not judged yet: `WINDOW_CHARS` at most and a sixteenth of it, and a find that a slower rule's
 * may still overlap.
 */
export class TextWindow {
  readonly #placeholders: Placeholders;
  readonly #runners: Runner[];
  /** From `#base` on. */
  #text = '';
  #base = 0;
  /** Not resolved yet, or needed to resolve others. */
  #finds: Find[] = [];
  #cuts: Cut[] = [];
  /** Finds that end up to here are resolved. */
  #resolved = 0;
  #settled = 0;
  #judgedLength = 0;

  /** `restore`: known placeholders become values again, for the client only. */
  constructor(runs: readonly TextRun[], placeholders: Placeholders, restore: boolean) {
    this.#placeholders = placeholders;
    this.#runners = runs.map((run) => ({ detector: run.detector, run, settled: 0, open: undefined }));
    if (restore && placeholders.size > 0) {
      this.#runners.push({ detector: placeholders.detector(), run: undefined, settled: 0, open: undefined });
    }
  }

  /** Everything before it is judged, and in `cuts` where it changes. */
  get settled(): number {
    return this.#settled;
  }

  get length(): number {
    return this.#base + this.#text.length;
  }

  /** In order, without overlap; before one that ends beyond `settled` others may still come. */
  get cuts(): readonly Cut[] {
    return this.#cuts;
  }

  push(text: string): void {
    this.#text += text;
    const heldChars = this.length - this.#horizon();
    const grownChars = this.length - this.#judgedLength;
    if (heldChars - grownChars > READ_ALWAYS_CHARS && grownChars * GROWN_PART < heldChars) return;
    this.#judge(false);
  }

  /** Nothing follows. */
  end(): void {
    this.#judge(true);
  }

  /** Forgets the cuts that end at or before `offset`. */
  forget(offset: number): void {
    this.#cuts = this.#cuts.filter(({ end }) => end > offset);
    this.#trim();
  }

  /** What all have judged. */
  #horizon(): number {
    return Math.min(this.length, ...this.#runners.map(({ settled }) => settled));
  }

  #judge(atEnd: boolean): void {
    this.#judgedLength = this.length;
    for (const [index, runner] of this.#runners.entries()) this.#read(runner, index, atEnd);
    const horizon = this.#horizon();
    for (const find of this.#finds) {
      if (find.end > this.#resolved && find.end <= horizon) this.#resolve(find);
    }
    this.#resolved = horizon;
    const begun = this.#finds.filter(({ end }) => end > horizon);
    const begunAt = begun.map((find) => this.#left(find)[0]?.start ?? horizon);
    this.#settled = Math.max(this.#settled, Math.min(horizon, ...begunAt));
    // A find that is resolved still covers its part of those which are not.
    const needed = Math.min(this.#settled, ...begun.map(({ start }) => start));
    this.#finds = this.#finds.filter(({ end }) => end > needed);
    this.#trim();
  }

  #read(runner: Runner, index: number, atEnd: boolean): void {
    const { run, detector } = runner;
    const found = detector.find(this.#text, runner.settled - this.#base, atEnd, runner.open);
    for (const { start, end, kind } of found.matches) {
      run?.tally.match(kind, this.#text.slice(start, end));
      if (run !== undefined && (run.shadow || run.action === 'flag')) continue;
      const rank = run?.action === 'block' ? index - this.#runners.length : index;
      this.#finds.push({ run, rank, start: start + this.#base, end: end + this.#base, kind });
    }
    runner.settled = found.settled + this.#base;
    runner.open = found.open;
  }

  #resolve(find: Find): void {
    for (const { start, end } of this.#left(find)) this.#cut(find, start, end);
  }

  /** What is left of a find when those that go before it have had their part. */
  #left(find: Find): { start: number; end: number }[] {
    const before = this.#finds
      .filter(({ rank, start, end }) => rank < find.rank && start < find.end && end > find.start)
      .sort((one, other) => one.start - other.start);
    // Half a placeholder has no value.
    if (find.run === undefined && before.length > 0) return [];
    const left: { start: number; end: number }[] = [];
    let at = find.start;
    for (const other of before) {
      if (other.start > at) left.push({ start: at, end: other.start });
      at = Math.max(at, other.end);
    }
    if (at < find.end) left.push({ start: at, end: find.end });
    return left;
  }

  #cut(find: Find, start: number, end: number): void {
    const value = this.#text.slice(start - this.#base, end - this.#base);
    const at = this.#cuts.findLastIndex((other) => other.end <= start) + 1;
    this.#cuts.splice(at, 0, { start, end, ...this.#replaced(find, value) });
  }

  #replaced({ run, kind }: Find, value: string): Pick<Cut, 'kept' | 'sent' | 'blockedBy'> {
    if (run === undefined) {
      return { kept: value, sent: this.#placeholders.valueOf(value) ?? value, blockedBy: undefined };
    }
    switch (run.action) {
      case 'block':
        return { kept: '', sent: '', blockedBy: run.name };
      case 'tokenise':
        return { kept: this.#placeholders.of(kind, value), sent: value, blockedBy: undefined };
      case 'flag':
      case 'redact':
        return { kept: `[redacted:${kind}]`, sent: `[redacted:${kind}]`, blockedBy: undefined };
    }
  }

  /** Lets go of text that neither a cut nor a detector will look at. */
  #trim(): void {
    const free = this.#settled - this.#base - CONTEXT_CHARS;
    if (free < TRIM_CHARS) return;
    this.#text = this.#text.slice(free);
    this.#base += free;
  }
}

/** Less is not worth a new string. */
const TRIM_CHARS = 256;
