/** In `npm test`, which runs often; all of them in `npm run test:long` (`test/properties.long.test.ts`). */
const SHARE = process.env['APERTURE_TEST_LONG'] === '1' ? 1 : 1 / 4;

/** How many cases of a property are tried, of so many. */
export function cases(all: number): number {
  return Math.ceil(all * SHARE);
}
