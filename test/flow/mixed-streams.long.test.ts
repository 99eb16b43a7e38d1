import { test } from 'vitest';
import { expectMixedStreams } from './mixed-streams.ts';

/** A stream has two sockets in its gateway, and a process may have 20,000 open files where nobody raised the limit. */
const GATEWAYS = 2;

test('failure mode 1: 10,000 paced streams of all APIs through two processes on one port', async () => {
  await expectMixedStreams({ streams: 10_000, startsPerSecond: 500, paceMs: 2000, gateways: GATEWAYS });
});
