import { test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzzReaders } from './reader-fuzz.ts';

const TEN_MINUTES_MS = 600_000;

test('failure mode 27: damaged answers and requests throw in no reader, for ten minutes', async () => {
  console.log(`${await fuzzReaders({ seed: fuzzSeed('readers'), forMs: TEN_MINUTES_MS })} cases`);
});
