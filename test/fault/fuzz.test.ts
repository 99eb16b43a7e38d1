import { expect, test } from 'vitest';
import { fuzzSeed } from '../support/dice.ts';
import { fuzz } from './fuzz-rounds.ts';

test(
  'failure mode 27: half a minute of rubbish from providers and clients ends, leaks and doubles nothing',
  { timeout: 180_000 },
  async () => {
    const report = await fuzz({ seed: fuzzSeed('rubbish'), forMs: 30_000 });
    console.log(report);
    expect(report.cases).toBeGreaterThan(1000);
  },
);
