import { expect, test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzzReaders } from './reader-fuzz.ts';

test('failure mode 27: damaged answers and requests throw in no reader, and read alike in any chunking', async () => {
  const cases = await fuzzReaders({ seed: fuzzSeed('readers'), forMs: 2000, atLeast: 501 });
  console.log(`${cases} cases`);
  expect(cases).toBeGreaterThan(500);
});
