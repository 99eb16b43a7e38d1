import { test } from 'vitest';
import { expectMixedStreams } from './mixed-streams.ts';

test(
  'failure mode 1: 2,000 paced streams of all APIs in one process: whole, prompt, one exact record and price each',
  { timeout: 120_000 },
  async () => {
    await expectMixedStreams({ streams: 2000, startsPerSecond: 400, paceMs: 400, gateways: 1 });
  },
);
