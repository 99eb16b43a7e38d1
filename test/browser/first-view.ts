import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { until } from '../support/until.ts';

/** In a page, as text: all figures of the overview are there. */
export const FIGURES_STAND = `(() => {
  const stats = [...document.querySelectorAll('[data-figure]')];
  return stats.length > 0 && stats.every((stat) => stat.querySelector('dd').textContent !== '…');
})()`;

/** The page notes it by itself: whoever asks from outside comes late. */
const NOTED = `new MutationObserver(() => {
  if (globalThis.stoodAtMs === undefined && ${FIGURES_STAND}) globalThis.stoodAtMs = performance.now();
}).observe(document, { subtree: true, childList: true, characterData: true })`;

/** Debian's Chromium without what nobody sees of it: a third less of processor than the whole browser with `--headless`. */
export function launchBrowser(): Promise<Browser> {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args });
}

/** Milliseconds from the navigation until the figures stand, in a browser that has nothing of the page yet. */
export async function timeFirstView(browser: Browser, address: string, login: string): Promise<number> {
  const context = await browser.newContext({ extraHTTPHeaders: { 'tailscale-user-login': login } });
  try {
    const page = await context.newPage();
    await page.addInitScript(NOTED);
    await page.goto(address, { waitUntil: 'commit' });
    const noted = () => page.evaluate('globalThis.stoodAtMs ?? false');
    return z.number().parse(await until('the figures stand', noted, 60_000));
  } finally {
    await context.close();
  }
}
