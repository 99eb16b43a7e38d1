import { hash } from 'node:crypto';

/** What an answer is made of: equal requests have equal seeds, so they get equal bytes. */
export interface Seed {
  /** 64 hex digits. */
  hex: string;
  /** The first 32 bits. */
  number: number;
}

export function seedOf(text: string): Seed {
  const hex = hash('sha256', text, 'hex');
  return { hex, number: Number.parseInt(hex.slice(0, 8), 16) };
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const HEX = '0123456789abcdef';

/** One step of a 32-bit mixing generator: enough to make ids look like ids; nothing here is secret. */
function mixed(state: number): number {
  let x = (state + 0x6d2b79f5) | 0;
  x = Math.imul(x ^ (x >>> 15), x | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return (x ^ (x >>> 14)) >>> 0;
}

/** `salt` keeps the ids of one answer apart. */
function drawn(alphabet: string, seed: Seed, salt: number, length: number): string {
  let state = mixed(seed.number ^ Math.imul(salt + 1, 0x9e3779b1));
  let text = '';
  for (let i = 0; i < length; i += 1) {
    state = mixed(state);
    text += alphabet.charAt(state % alphabet.length);
  }
  return text;
}

export function letters(seed: Seed, salt: number, length: number): string {
  return drawn(BASE62, seed, salt, length);
}

export function hexDigits(seed: Seed, salt: number, length: number): string {
  return drawn(HEX, seed, salt, length);
}

/** A time that looks real and is the same for equal requests: within four months after 2025-10-09, in seconds. */
export function createdSeconds(seed: Seed): number {
  return 1_760_000_000 + (seed.number % 10_000_000);
}
