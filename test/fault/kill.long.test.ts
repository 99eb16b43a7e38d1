import { test } from 'vitest';
import { killRounds } from './kill-rounds.ts';
import { expectExactBooks } from './kill.test.ts';

const ROUNDS = 200;

test('kill -9, 200 rounds', async () => {
  const seed = Number(process.env['APERTURE_TEST_SEED'] ?? 1);
  console.log(`seed ${seed}`);
  expectExactBooks(await killRounds(ROUNDS, seed));
});
