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
}

/**
 * Reads one text as it comes and says what of it may go on, and changed how. Rules in order: where finds overlap, the
 * first rule's stands. Holds back only what a rule has not judged yet, `WINDOW_CHARS` at most.
 */
export class TextWindow {
  readonly #runners: Runner[];
  readonly #placeholders: Placeholders;
  /** From `#base` on. */
  #text = '';
  #base = 0;
  #cuts: Cut[] = [];
  #settled = 0;

  /** `restore`: known placeholders become values again, for the client only. */
  constructor(runs: readonly TextRun[], placeholders: Placeholders, restore: boolean) {
    this.#placeholders = placeholders;
    this.#runners = runs.map((run) => ({ detector: run.detector, run, settled: 0 }));
    if (restore && placeholders.size > 0) {
      this.#runners.push({ detector: placeholders.detector(), run: undefined, settled: 0 });
    }
  }

  /** Everything before it is judged, and in `cuts` where it changes. */
  get settled(): number {
    return this.#settled;
  }

  get length(): number {
    return this.#base + this.#text.length;
  }

  /** In order, without overlap; those that end beyond `settled` may still change. */
  get cuts(): readonly Cut[] {
    return this.#cuts;
  }

  push(text: string): void {
    this.#text += text;
    this.#judge(false);
  }

  /** Nothing follows. */
  end(): void {
    this.#judge(true);
  }

  /** Forgets the cuts that end at or before `offset`. */
  forget(offset: number): void {
    this.#cuts = this.#cuts.filter(({ end }) => end > offset);
  }

  #judge(atEnd: boolean): void {
    for (const runner of this.#runners) {
      const { matches, settled } = runner.detector.find(this.#text, runner.settled - this.#base, atEnd);
      for (const { start, end, kind } of matches) this.#add(runner.run, start + this.#base, end + this.#base, kind);
      runner.settled = settled + this.#base;
    }
    const before = Math.min(this.length, ...this.#runners.map(({ settled }) => settled));
    // A cut that a slower rule may still overlap waits with it, so what is released ends before it begins.
    const open = this.#cuts.find(({ start, end }) => start < before && end > before);
    this.#settled = Math.max(this.#settled, open === undefined ? before : open.start);
    const keep = Math.max(0, this.#settled - this.#base - CONTEXT_CHARS);
    if (keep > 4 * CONTEXT_CHARS) {
      this.#text = this.#text.slice(keep);
      this.#base += keep;
    }
  }

  #add(run: TextRun | undefined, start: number, end: number, kind: string): void {
    const value = this.#text.slice(start - this.#base, end - this.#base);
    run?.tally.match(kind, value);
    const cut = this.#cutOf(run, start, end, kind, value);
    if (cut === undefined) return;
    // Finds of a rule further down that an earlier one's covers are counted, and change nothing.
    if (this.#cuts.some((other) => other.start < end && start < other.end)) return;
    const at = this.#cuts.findLastIndex((other) => other.end <= start) + 1;
    this.#cuts.splice(at, 0, cut);
  }

  #cutOf(run: TextRun | undefined, start: number, end: number, kind: string, value: string): Cut | undefined {
    if (run === undefined) {
      return { start, end, kept: value, sent: this.#placeholders.valueOf(value) ?? value, blockedBy: undefined };
    }
    if (run.shadow) return undefined;
    switch (run.action) {
      case 'flag':
        return undefined;
      case 'block':
        return { start, end, kept: '', sent: '', blockedBy: run.name };
      case 'redact': {
        const text = `[redacted:${kind}]`;
        return { start, end, kept: text, sent: text, blockedBy: undefined };
      }
      case 'tokenise':
        return { start, end, kept: this.#placeholders.of(kind, value), sent: value, blockedBy: undefined };
    }
  }
}
