import { z } from 'zod';
import { parseDuration, parseMoney, parseRate, parseSize } from '../units.ts';
import type { RefillRate } from '../units.ts';
import { readAddress } from '../address.ts';
import { failed } from '../../src/lib/result.ts';
import type { Result } from '../../src/lib/result.ts';

/** A string that a parser turns into what it means; `format` names the notation in docs/configuration.md. */
function parsed<T>(format: string, parse: (text: string) => Result<T, string>) {
  return z
    .string()
    .meta({ format })
    .transform((text, context): T => {
      const result = parse(text);
      if (result.ok) return result.value;
      context.issues.push({ code: 'custom', message: result.fault, input: text });
      return z.NEVER;
    });
}

function within<T extends number>(parse: (text: string) => Result<T, string>, least: string, most: string) {
  const bound = (text: string): number => {
    const result = parse(text);
    if (!result.ok) throw new Error(`bad bound ${text}`);
    return result.value;
  };
  const [from, to] = [bound(least), bound(most)];
  return (text: string): Result<T, string> => {
    const result = parse(text);
    if (!result.ok || (result.value >= from && result.value <= to)) return result;
    return { ok: false, fault: `is not between ${least} and ${most}` };
  };
}

/** Milliseconds. */
export const duration = (least: string, most: string) => parsed('duration', within(parseDuration, least, most));
/** Bytes. */
export const size = (least: string, most: string) => parsed('size', within(parseSize, least, most));
/** A quota's sums are kept as doubles, exact below 2^53 nanodollars. */
const MOST_OF_A_QUOTA = BigInt(Number.MAX_SAFE_INTEGER);
const tooMuch = failed('is more than $9007199.254740991, the most that a quota can count');

function quotaMoney(text: string): Result<bigint, string> {
  const money = parseMoney(text);
  return money.ok && money.value > MOST_OF_A_QUOTA ? tooMuch : money;
}

function quotaRate(text: string): Result<RefillRate, string> {
  const rate = parseRate(text);
  return rate.ok && rate.value.nanodollars > MOST_OF_A_QUOTA ? tooMuch : rate;
}

/** Nanodollars, and a rate of them, as much as a quota can count. */
export const money = () => parsed('money', quotaMoney);
export const rate = () => parsed('rate', quotaRate);
export const address = () => parsed('address', readAddress);

/** Strings with a check of ours; `fault` ends a sentence that begins with the value. */
export function checked(format: string, holds: (text: string) => boolean, fault: string) {
  return z.string().meta({ format }).refine(holds, { error: fault });
}

const AUTHORIZATIONS = ['bearer', 'x-api-key', 'x-goog-api-key', 'hec', 'cf-aig-authorization'] as const;
export type Authorization = (typeof AUTHORIZATIONS)[number];

/** A provider's key may also sign (extension). */
const PROVIDER_AUTHORIZATIONS = [...AUTHORIZATIONS, 'aws_sigv4'] as const;
export type ProviderAuthorization = (typeof PROVIDER_AUTHORIZATIONS)[number];

export const providerAuthorization = () =>
  z
    .enum(['', ...PROVIDER_AUTHORIZATIONS])
    .transform((kind): ProviderAuthorization => (kind === '' ? 'bearer' : kind))
    .prefault('bearer');

/** In which header a key is sent. Go reads an absent value as "", so both mean the default. */
export const authorization = () =>
  z
    .enum(['', ...AUTHORIZATIONS])
    .transform((kind): Authorization => (kind === '' ? 'bearer' : kind))
    .prefault('bearer');
