import { USAGE_KINDS, zeroUsage } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';

/**
 * Tokens of one kind in one exchange: a thousand times what any model takes, and the database's sums of such rubbish are
 * still far from what a bigint holds.
 */
const COUNT_MAX = 10_000_000_000;

/**
 * The usage of these counts, each kind clamped to what a count can be; a clamp is flagged, never thrown
 * (wire-formats.md, section 1).
 */
export function usageOf(counts: Partial<Usage>, flags: string[]): Usage {
  const usage = zeroUsage();
  for (const kind of USAGE_KINDS) {
    const count = counts[kind] ?? 0;
    usage[kind] = Math.min(Math.max(count, 0), COUNT_MAX);
    if (usage[kind] !== count) flag(flags, `clamped:${kind}`);
  }
  return usage;
}

/** What went in and was not told to be cached. */
type Uncached = Pick<Usage, 'input_uncached' | 'audio_in' | 'image_in'>;

/**
 * Audio and images may be cached too, and nothing says which of them: where they take more than is left beside the cache,
 * those tokens are counted once, as cached, and it is flagged.
 */
export function besideCache({ input_uncached, audio_in, image_in }: Uncached, flags: string[]): Uncached {
  if (input_uncached >= 0 || (audio_in <= 0 && image_in <= 0)) return { input_uncached, audio_in, image_in };
  flag(flags, 'overlap:cache_read');
  const fromAudio = Math.min(audio_in, -input_uncached);
  const fromImage = Math.min(image_in, -input_uncached - fromAudio);
  return {
    input_uncached: input_uncached + fromAudio + fromImage,
    audio_in: audio_in - fromAudio,
    image_in: image_in - fromImage,
  };
}

/** Each word once. */
export function flag(flags: string[], word: string): void {
  if (!flags.includes(word)) flags.push(word);
}

/** Adds `name` to a record's details where there is something to say: nothing is not a detail. */
export function detail(details: Record<string, unknown>, name: string, value: number | string | null): void {
  if (value !== null && value !== 0 && value !== '') details[name] = value;
}

/**
 * Dollars, as a provider reports its own charge, in whole nanodollars, rounded half to even. Works on the number's
 * shortest decimal form: binary fractions would round 0.1 wrongly. Null where it is no amount.
 */
export function nanodollarsOf(dollars: unknown): string | null {
  if (typeof dollars !== 'number' || !Number.isFinite(dollars) || dollars < 0) return null;
  const [mantissa = '', exponent = '0'] = String(dollars).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent) + 9 - fraction.length;
  const digits = BigInt(whole + fraction);
  if (shift >= 0) return (digits * 10n ** BigInt(shift)).toString();
  const unit = 10n ** BigInt(-shift);
  const floor = digits / unit;
  const twice = (digits % unit) * 2n;
  const up = twice > unit || (twice === unit && floor % 2n === 1n);
  return (floor + (up ? 1n : 0n)).toString();
}
