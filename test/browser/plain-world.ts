import { afterAll, beforeAll } from 'vitest';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld } from './world.ts';

/** Knows one model. */
export const NARROW = 'nora@example.com';

/** One gateway and one browser, and nothing in the books, for all parts of `pages.test.ts`. */
export let world: BrowserWorld;

beforeAll(async () => {
  world = await startWorld('pages', {
    records: 0,
    grants: [
      {
        src: [NARROW],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: `**/${MODELS.messages}` }] },
      },
    ],
  });
});
afterAll(() => world.close());
