import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { z } from 'zod';

/** In a page, as text: all figures of the overview are there. */
export const FIGURES_STAND = `(() => {
  const stats = [...document.querySelectorAll('[data-figure]')];
  return stats.length > 0 && stats.every((stat) => stat.querySelector('dd').textContent !== '…');
})()`;

/** Debian's Chromium, as the other tests of pages have it. */
export function launchBrowser(): Promise<Browser> {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: '/usr/bin/chromium', args });
}

/** Milliseconds from the navigation until the figures stand, in a browser that has nothing of the page yet. */
export async function timeFirstView(browser: Browser, address: string, login: string): Promise<number> {
  const context = await browser.newContext({ extraHTTPHeaders: { 'tailscale-user-login': login } });
  try {
    const page = await context.newPage();
    await page.goto(address, { waitUntil: 'commit' });
    const stand = await page.waitForFunction(`${FIGURES_STAND} && performance.now()`, undefined, { timeout: 60_000 });
    return z.number().parse(await stand.jsonValue());
  } finally {
    await context.close();
  }
}
