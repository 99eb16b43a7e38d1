import { partsOf } from '../../design/hostile.tsx';

/** Foreign text where no element may stand, as in a title: what is not seen is named. */
export function visible(text: string): string {
  return partsOf(text)
    .map((part) => part.text)
    .join('');
}
