import { afterAll, beforeAll } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { startFlow } from './support.ts';
import type { Flow } from './support.ts';
import { textProviders } from './wires.ts';

/** A gateway before one provider of every text API, for all parts of `text-apis.test.ts`. */
export let flow: Flow;

beforeAll(async () => {
  const port = await freePort();
  flow = await startFlow({ simulator: { port }, providers: textProviders(`http://127.0.0.1:${port}`) });
});
afterAll(async () => {
  await flow.close();
});
