import { test } from 'vitest';
import { expectExactBooks, killRounds } from './kill-rounds.ts';

const SEED = 20261123;

test('failure mode 10: kill -9 under load loses no record and doubles none', { timeout: 600_000 }, async () => {
  expectExactBooks(await killRounds(6, SEED));
});
