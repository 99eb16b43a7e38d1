import { expect, test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzz } from './fuzz-rounds.ts';

test.each(['uws', 'node'] as const)(
  'failure mode 27: hundreds of cases of rubbish from providers and clients end, leak and double nothing (%s)',
  { timeout: 180_000 },
  async (socket) => {
    const report = await fuzz({ seed: fuzzSeed('rubbish'), forMs: 8_000, atLeast: 300, socket });
    console.log(report);
    expect(report.cases).toBeGreaterThanOrEqual(300);
  },
);
