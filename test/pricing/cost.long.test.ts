import { expect, test } from 'vitest';
import { disagreements } from './oracle.ts';

test('failure mode 13: a million random costs, and their sum, equal exact decimal arithmetic', () => {
  const seed = Number(process.env['APERTURE_TEST_SEED'] ?? 20_260_928);
  console.log(`seed ${seed}, 1,000,000 costs`);
  expect(disagreements(1_000_000, seed)).toEqual([]);
});
