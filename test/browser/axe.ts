import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import type { AxeResults } from 'axe-core';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What axe says against a page, a line for each element. In the dark nothing differs but colours, so there it judges
 * contrast alone: it is the dearest of its rules, and a page of a thousand cells takes it seconds. The script is evaluated by
 * the driver, past the page's policy.
 */
export async function axeProblems(page: Page): Promise<string[]> {
  await page.evaluate(SOURCE);
  const isDark = await page.evaluate(`matchMedia('(prefers-color-scheme: dark)').matches`);
  const runOnly = isDark === true ? { type: 'rule', values: ['color-contrast'] } : { type: 'tag', values: TAGS };
  const found = await page.evaluate(
    (options): Promise<AxeResults> =>
      (globalThis as unknown as { axe: { run: (options: unknown) => Promise<AxeResults> } }).axe.run(options),
    { runOnly, resultTypes: ['violations'], preload: false, iframes: false },
  );
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id} (${help}): ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}
