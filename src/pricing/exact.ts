/** Exact non-negative rational numbers: money is a float nowhere in this room. `d` is never zero. */
export interface Rational {
  n: bigint;
  d: bigint;
}

export const ZERO: Rational = { n: 0n, d: 1n };
export const ONE: Rational = { n: 1n, d: 1n };

export function whole(value: bigint | number): Rational {
  return { n: BigInt(value), d: 1n };
}

export function plus(a: Rational, b: Rational): Rational {
  return a.d === b.d ? { n: a.n + b.n, d: a.d } : { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

/** The same sum, in lowest terms: over many, a denominator would grow without end. */
export function plusReduced(a: Rational, b: Rational): Rational {
  if (a.d === b.d) return { n: a.n + b.n, d: a.d };
  const sum = plus(a, b);
  const divisor = commonDivisor(sum.n, sum.d);
  return { n: sum.n / divisor, d: sum.d / divisor };
}

function commonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : commonDivisor(b, a % b);
}

export function times(a: Rational, b: Rational): Rational {
  return { n: a.n * b.n, d: a.d * b.d };
}

/** `b` is not zero. */
export function over(a: Rational, b: Rational): Rational {
  return { n: a.n * b.d, d: a.d * b.n };
}

/** To the nearest integer, ties to the even one: over many records the error does not drift to one side. */
export function roundHalfEven(value: Rational): bigint {
  const quotient = value.n / value.d;
  const twice = (value.n % value.d) * 2n;
  if (twice > value.d || (twice === value.d && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
}

/** To the next integer that is not below. */
export function roundUp(value: Rational): bigint {
  return (value.n + value.d - 1n) / value.d;
}

/** The greater of the two. */
export function greater(a: Rational, b: Rational): Rational {
  return a.n * b.d >= b.n * a.d ? a : b;
}

const DECIMAL = /^(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,2}))?$/;

/** A decimal text such as `1.1` or `2.5e-06`, exact. Undefined for anything else: signs, units, endless digits. */
export function parseDecimal(text: string): Rational | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, integer = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(integer + fraction);
  const shift = Number(exponent) - fraction.length;
  return shift >= 0 ? { n: digits * 10n ** BigInt(shift), d: 1n } : { n: digits, d: 10n ** BigInt(-shift) };
}
