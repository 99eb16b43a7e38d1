import { test } from 'vitest';
import { expectExactBooks, killRounds } from './kill-rounds.ts';

const ROUNDS = 200;

test('kill -9, 200 rounds', async () => {
  expectExactBooks(await killRounds(ROUNDS, Number(process.env['APERTURE_TEST_SEED'] ?? 1)));
});
