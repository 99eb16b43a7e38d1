import { test } from 'vitest';
import { expectExactBooks, killRounds } from './kill-rounds.ts';

const SEED = Number(process.env['APERTURE_TEST_SEED'] ?? 1);

test('kill -9, 200 rounds', async () => {
  expectExactBooks(await killRounds(200, SEED));
});

test('kill -9 of the gateway and Postgres at once, 50 rounds', async () => {
  expectExactBooks(await killRounds(50, SEED, 'database'));
});

test('kill -9 with jobs on Redis, 50 rounds', async () => {
  expectExactBooks(await killRounds(50, SEED, 'redis'));
});
