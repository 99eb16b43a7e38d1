import type { LoadGenerator } from './load/generator.ts';

/** One question of `npm run bench`: a file in bench/questions, listed in bench/questions.ts. */
export interface Question {
  /** As it is asked for: `npm run bench <name>`. */
  name: string;
  /** What it asks, in a sentence. */
  asks: string;
  /** How long it takes, about, on two cores. */
  minutes: number;
  /** Starts what it needs, measures, and stops it again, also when it fails. */
  ask(bench: Bench): Promise<Answer>;
}

/** What the runner hands to a question. */
export interface Bench {
  /** A process of its own, so that neither the runner nor the targets disturb it more than the machine must. */
  generator: LoadGenerator;
  /** `full`, or with `--quick` so few that the question is seen to work in seconds; its figures then say nothing. */
  size(full: number, quick: number): number;
  /** A line about what goes on. */
  say(line: string): void;
}

/** What one variant gave in one round. */
export interface Round {
  /** By name and unit, such as `main µs`. */
  figures: Record<string, number>;
  /** How many requests, events or streams they rest on. */
  count: number;
  /** Why the round does not count: the generator or the simulator was the bottleneck, answers were missing. Else empty. */
  void: string[];
  /** Measurements before this one that did not count, in the same round. */
  again?: number;
}

/** All rounds of one variant in one case. */
export interface Row {
  /** What was asked of it, such as `unary` or `100 streams`. */
  case: string;
  variant: string;
  rounds: Round[];
}

/** A target held against what was measured. One that is not met is reported, and fails nothing. */
export interface Judgement {
  target: string;
  /** NaN where the rounds that it needs are void or were left out. */
  measured: number;
  bound: 'at most' | 'at least';
  limit: number;
}

export interface Answer {
  /** How it was measured: rounds, connections, sizes. */
  settings: string;
  rows: Row[];
  judgements: Judgement[];
  /** What a reader of the table must know besides. */
  notes: string[];
}
