import { test } from 'vitest';
import { eventFlood } from './event-flood.ts';

test('thousands of events a second to a slow receiver: clients notice nothing', { timeout: 300_000 }, async () => {
  await eventFlood({
    name: 'flood',
    perSecond: 2_000,
    seconds: 3,
    rounds: 1,
    unread: false,
    asksPerSecond: 40,
    percentile: 0.95,
    addedMs: 100,
    drains: 6_000,
    drainWithinMs: 120_000,
  });
});
