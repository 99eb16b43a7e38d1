import { test } from 'vitest';
import { eventFlood } from './event-flood.ts';

test('5,000 events a second for 30 s to a slow receiver: p99 is unaffected, memory bounded, and all arrive', async () => {
  await eventFlood({
    name: 'long flood',
    perSecond: 5_000,
    seconds: 30,
    rounds: 3,
    unread: true,
    asksPerSecond: 60,
    percentile: 0.99,
    addedMs: 5,
    drains: 150_000,
    drainWithinMs: 2_400_000,
  });
});
