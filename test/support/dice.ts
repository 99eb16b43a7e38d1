/** Chance that can be had again: everything drawn follows from the seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 to below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.below(from.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** Dice of one case of a run: cases do not depend on each other, so each can be had again alone. */
export function diceOf(seed: number, number: number): Dice {
  return new Dice(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
}

/** `APERTURE_FUZZ_SEED`, to have a run again; else a new one. Said aloud, so that a failure can be. */
export function fuzzSeed(what: string): number {
  const given = process.env['APERTURE_FUZZ_SEED'];
  const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
  console.log(`${what}: APERTURE_FUZZ_SEED=${seed}`);
  return seed;
}
