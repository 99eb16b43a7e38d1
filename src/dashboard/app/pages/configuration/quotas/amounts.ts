/** Money that an admin types, and lists of names that are read from a place on. */

/** `$5`, `5.25`, `$ 1,200.50` in nanodollars; undefined where it is no amount above zero of at most nine decimals. */
export function amountOf(text: string): bigint | undefined {
  const found = /^\$?(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text.replace(/[\s,]/g, ''));
  if (found === null) return undefined;
  const [, whole = '', part = ''] = found;
  const nanodollars = BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, '0'));
  return nanodollars > 0n ? nanodollars : undefined;
}

/** As the API takes it: `$5.25`. */
export function amountText(nanodollars: bigint): string {
  const part = (nanodollars % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `$${nanodollars / 1_000_000_000n}.${part.padEnd(2, '0')}`;
}

/** What a refill leaves: never more than the capacity, and what is more already stays. */
export function afterRefill(balance: bigint, capacity: bigint, amount: bigint): bigint {
  const sum = balance + amount;
  if (sum <= capacity) return sum;
  return balance > capacity ? balance : capacity;
}

/** `$5.00 a day`; null where nothing flows back. */
export function rateWords(perMs: number): string {
  const units: Record<number, string> = {
    60_000: 'a minute',
    3_600_000: 'an hour',
    86_400_000: 'a day',
    604_800_000: 'a week',
    2_592_000_000: 'a month',
  };
  return units[perMs] ?? `in ${perMs / 1000} s`;
}

/**
 * A name after which come all that begin with a prefix, in the order of their bytes: the list's `after` leaves out what it
 * names. Undefined where there is none, and the list is read from its beginning.
 */
export function justBefore(prefix: string): string | undefined {
  const points = Array.from(prefix);
  const last = points.pop()?.codePointAt(0) ?? 0;
  // Zero cannot be asked for, and a half of a character is none.
  if (last <= 1 || (last >= 0xd800 && last <= 0xe000)) return undefined;
  return `${points.join('')}${String.fromCodePoint(last - 1)}\u{10ffff}`;
}
