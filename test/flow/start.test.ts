import { expect, test } from 'vitest';
import { freshCheckout } from './fresh-checkout.ts';
import { firstMinutes } from './start-story.ts';

/** Promised are five seconds; a test machine has other things to do as well. */
const LATER_WITHIN_MS = 20_000;

test(
  'npm start in a bare directory: what it prints works, and outlives kill -9 of everything',
  { timeout: 240_000 },
  async () => {
    const checkout = await freshCheckout('linked');
    try {
      const { firstMs, laterMs } = await firstMinutes(checkout);
      console.log(
        `npm start: built and ready in ${Math.round(firstMs)} ms, after kill -9 in ${Math.round(laterMs)} ms`,
      );
      expect(laterMs).toBeLessThan(LATER_WITHIN_MS);
    } finally {
      await checkout.remove();
    }
  },
);
