import { createHmac } from 'node:crypto';
import type { Side, Verdict } from '../contract/guardrail.ts';
import { VERDICT_MATCHES } from '../contract/guardrail.ts';

/** As many kinds as a verdict counts by; the rest is counted together. */
const KINDS = 64;
const OTHER = 'other';
const HASH_DIGITS = 16;

/** Counts what one rule found on one side of an exchange, until it becomes the verdict of the record. */
export class Tally {
  readonly #rule: string;
  readonly #type: string;
  readonly #side: Side;
  readonly #shadow: boolean;
  readonly #matchKey: Uint8Array;
  readonly #atMs: number;
  readonly #counts = new Map<string, number>();
  readonly #matches = new Set<string>();
  readonly #places = new Set<string>();
  #chars = 0;
  #untouched = 0;

  constructor(parts: { rule: string; type: string; side: Side; shadow: boolean; matchKey: Uint8Array; atMs: number }) {
    this.#rule = parts.rule;
    this.#type = parts.type;
    this.#side = parts.side;
    this.#shadow = parts.shadow;
    this.#matchKey = parts.matchKey;
    this.#atMs = parts.atMs;
  }

  get found(): boolean {
    return this.#counts.size > 0;
  }

  read(place: string, chars: number): void {
    this.#places.add(place);
    this.#chars += chars;
  }

  match(kind: string, value: string): void {
    const name = this.#counts.has(kind) || this.#counts.size < KINDS ? kind : OTHER;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    if (this.#matches.size >= VERDICT_MATCHES) return;
    const hash = createHmac('sha256', this.#matchKey)
      .update(JSON.stringify([kind, value]))
      .digest('hex');
    this.#matches.add(hash.slice(0, HASH_DIGITS));
  }

  /** A match in a signed block. */
  leave(): void {
    this.#untouched += 1;
  }

  /** `action`: what the rule does where it found something; without a find the verdict is `allow`. */
  verdict(action: Verdict['action'], nowMs: number, error: string | null = null): Verdict {
    return {
      rule: this.#rule,
      type: this.#type,
      side: this.#side,
      action: error !== null ? 'error' : this.found ? action : 'allow',
      shadow: this.#shadow,
      at_ms: this.#atMs,
      took_ms: Math.max(0, nowMs - this.#atMs),
      scanned_chars: this.#chars,
      scanned: [...this.#places].sort(),
      counts: Object.fromEntries(this.#counts),
      matches: [...this.#matches],
      untouched: this.#untouched,
      error,
    };
  }
}
