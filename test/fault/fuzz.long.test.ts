import { test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzz } from './fuzz-rounds.ts';

const HALF_AN_HOUR_MS = 1_800_000;

test.each(['uws', 'node'] as const)(
  'failure mode 27: an hour of rubbish, half of it for each socket layer (%s)',
  { timeout: HALF_AN_HOUR_MS + 600_000 },
  async (socket) => {
    console.log(await fuzz({ seed: fuzzSeed('rubbish'), forMs: HALF_AN_HOUR_MS, atLeast: 0, socket }));
  },
);
