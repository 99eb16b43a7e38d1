import { test } from 'vitest';
import { freshCheckout } from './fresh-checkout.ts';
import { firstMinutes } from './start-story.ts';

test('npm start in a bare directory installs, builds and serves within two minutes', async () => {
  const checkout = await freshCheckout('npm');
  try {
    const { firstMs, laterMs } = await firstMinutes(checkout);
    console.log(
      `npm start: installed, built and ready in ${Math.round(firstMs)} ms, later in ${Math.round(laterMs)} ms`,
    );
  } finally {
    await checkout.remove();
  }
});
