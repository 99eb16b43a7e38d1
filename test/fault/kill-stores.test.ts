import { test } from 'vitest';
import { expectExactBooks, killRounds } from './kill-rounds.ts';

const SEED = 20261125;

test('failure mode 10: kill -9 of the gateway and Postgres at once', { timeout: 600_000 }, async () => {
  expectExactBooks(await killRounds(2, SEED, 'database'));
});

test('failure mode 10: kill -9 with jobs on a Redis that lives on', { timeout: 600_000 }, async () => {
  expectExactBooks(await killRounds(2, SEED, 'redis'));
});
