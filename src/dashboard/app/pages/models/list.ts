import { FORMATS, formatsOf } from '../../api/models.ts';
import type { Model } from '../../api/models.ts';
import type { ModelsSearch } from './search.ts';

/** Those that have every word of the search in their name, their provider's, or a format's. */
export function matching(models: readonly Model[], { q, provider, format }: ModelsSearch): Model[] {
  const words = (q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    if (provider !== undefined && model.metadata.provider.id !== provider) return false;
    const formats = formatsOf(model);
    if (format !== undefined && !formats.some((each) => each === format)) return false;
    const { id, name } = model.metadata.provider;
    const text = [model.id, id, name, ...formats.map((each) => FORMATS[each].name)].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/**
 * Dollars for a million of what a decimal of dollars is the price of one, exact: `0.0000005` is `$0.50`. Undefined where it is
 * no such decimal.
 */
export function perMillion(price: string | undefined): string | undefined {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(price ?? '');
  if (match === null) return undefined;
  const [, whole = '', part = ''] = match;
  const digits = part.padEnd(6, '0');
  const dollars = BigInt(whole + digits.slice(0, 6)).toString();
  const cents = digits.slice(6).replace(/0+$/, '').padEnd(2, '0');
  return `$${dollars}.${cents}`;
}

/** To sort by: where nothing is known, below what is free. */
export function priceOf(price: string | undefined): number {
  return price === undefined ? -1 : Number(price);
}
