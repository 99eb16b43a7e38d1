import { afterAll, beforeAll } from 'vitest';
import { startWorld } from './world.ts';
import type { BrowserWorld } from './world.ts';

/** One gateway and one browser with a month in the books, for all parts of `month.test.ts`. */
export let world: BrowserWorld;

beforeAll(async () => {
  world = await startWorld('month');
});
afterAll(() => world.close());
