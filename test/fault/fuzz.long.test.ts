import { test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzz } from './fuzz-rounds.ts';

const HOUR_MS = 3_600_000;

test('failure mode 27: an hour of rubbish', { timeout: HOUR_MS + 600_000 }, async () => {
  console.log(await fuzz({ seed: fuzzSeed('rubbish'), forMs: HOUR_MS }));
});
