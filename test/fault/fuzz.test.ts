import { expect, test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzz } from './fuzz-rounds.ts';

test.each(['uws', 'node'] as const)(
  'failure mode 27: half a minute of rubbish from providers and clients ends, leaks and doubles nothing (%s)',
  { timeout: 180_000 },
  async (socket) => {
    const report = await fuzz({ seed: fuzzSeed('rubbish'), forMs: 30_000, atLeast: 1000, socket });
    console.log(report);
    expect(report.cases).toBeGreaterThanOrEqual(1000);
  },
);
