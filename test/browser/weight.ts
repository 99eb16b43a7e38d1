import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { FIGURES_STAND } from './first-view.ts';
import { world } from './month-world.ts';
import { ADMIN } from './organisation.ts';

const MOST_BYTES = 500 * 1024;

test('all that a browser loads until the figures stand is under 500 KB, as it is transferred', async () => {
  const context = await world.browser.newContext({ extraHTTPHeaders: { 'tailscale-user-login': ADMIN } });
  const page = await context.newPage();
  // What came over the wire, head and compressed body, as the browser itself counts it.
  const driver = await context.newCDPSession(page);
  await driver.send('Network.enable');
  const names = new Map<string, string>();
  const loaded: { name: string; bytes: number }[] = [];
  driver.on('Network.responseReceived', ({ requestId, response }) => {
    names.set(requestId, new URL(response.url).pathname);
  });
  driver.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    loaded.push({ name: names.get(requestId) ?? '', bytes: encodedDataLength });
  });
  await page.goto(`${world.gateway.url}/ui/`);
  await until('the figures stand', () => page.evaluate(FIGURES_STAND));
  await page.waitForLoadState('networkidle');

  const bytes = loaded.reduce((sum, each) => sum + each.bytes, 0);
  const largest = loaded.toSorted((one, other) => other.bytes - one.bytes).slice(0, 8);
  console.log(`first view: ${(bytes / 1024).toFixed(0)} KB`, largest);
  expect(loaded.filter(({ name }) => name.endsWith('.js')).length).toBeGreaterThan(0);
  // What is asked before the page's code is there is what it asks for: else it would ask again.
  for (const path of ['/api/whoami', '/api/usage']) {
    expect(
      loaded.filter(({ name }) => name === path),
      path,
    ).toHaveLength(1);
  }
  expect(bytes).toBeLessThan(MOST_BYTES);
  await context.close();
});
