import { z } from 'zod';
import { parseDuration, parseMoney, parseRate, parseSize } from '../units.ts';
import { readAddress } from '../address.ts';
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
/** Nanodollars. */
export const money = () => parsed('money', parseMoney);
export const rate = () => parsed('rate', parseRate);
export const address = () => parsed('address', readAddress);

/** Strings with a check of ours; `fault` ends a sentence that begins with the value. */
export function checked(format: string, holds: (text: string) => boolean, fault: string) {
  return z.string().meta({ format }).refine(holds, { error: fault });
}

export const AUTHORIZATIONS = ['bearer', 'x-api-key', 'x-goog-api-key', 'hec', 'cf-aig-authorization'] as const;
export type Authorization = (typeof AUTHORIZATIONS)[number];

/** In which header a key is sent. Go reads an absent value as "", so both mean the default. */
export const authorization = () =>
  z
    .enum(['', ...AUTHORIZATIONS])
    .transform((kind): Authorization => (kind === '' ? 'bearer' : kind))
    .prefault('bearer');
