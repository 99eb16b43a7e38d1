import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { HOSTILE, storeStories } from './logs-records.ts';
import { world } from './month-world.ts';
import { ADMIN, USER } from './organisation.ts';

const Counts = z.array(z.object({ name: z.string(), calls: z.number(), with_result: z.number(), errors: z.number() }));

/** What the books say, in SQL of our own: a result belongs to the newest call of its key before it. */
async function booked(column: string, login?: string): Promise<z.infer<typeof Counts>> {
  const { rows } = await world.pool.query(
    `SELECT call.${column} AS name, count(*)::int AS calls, count(result.key)::int AS with_result,
            (count(*) FILTER (WHERE result.is_error))::int AS errors
       FROM aperture.tool_calls AS call
       LEFT JOIN LATERAL (
         SELECT key, is_error FROM aperture.tool_results AS carried
          WHERE carried.key = call.key AND carried.record_id > call.record_id ORDER BY record_id, position LIMIT 1
       ) AS result ON true
      WHERE $1::text IS NULL OR call.login = $1
      GROUP BY 1 ORDER BY 2 DESC, 1`,
    [login ?? null],
  );
  // A mark that turns the direction of reading stands on the page by its name.
  return Counts.parse(rows).map((each) => ({ ...each, name: each.name.replaceAll('\u202e', 'U+202E') }));
}

async function shown(page: Page): Promise<z.infer<typeof Counts>> {
  const rows = await page.locator('tbody tr').all();
  const cell = (row: (typeof rows)[number], key: string) => row.locator(`[data-cell=${key}]`);
  const exact = async (row: (typeof rows)[number], key: string) =>
    Number((await cell(row, key).getAttribute('title'))?.replaceAll(',', ''));
  return Promise.all(
    rows.map(async (row) => ({
      name: await cell(row, 'name').innerText(),
      calls: await exact(row, 'calls'),
      with_result: await exact(row, 'with_result'),
      errors: await exact(row, 'errors'),
    })),
  );
}

const byName = (counts: z.infer<typeof Counts>) => counts.toSorted((one, other) => (one.name < other.name ? -1 : 1));

describe('tools', () => {
  beforeAll(async () => {
    // With results, and with names that harm.
    await storeStories(world.pool, Math.floor(Date.now() / 86_400_000) * 86_400_000);
  });

  test('every count is that of SQL over the calls, by each grouping; a name leads to its requests', async () => {
    const visit = await world.visit(ADMIN, '/ui/tools?range=90d');
    const { page } = visit;
    for (const [column, head] of Object.entries({ name: 'Tool', agent: 'Agent', model: 'Model', login: 'User' })) {
      await page.getByRole('radio', { name: head, exact: true }).click();
      await page.getByRole('heading', { name: `By ${head.toLowerCase()}` }).waitFor();
      const expected = await booked(column);
      const more = page.getByRole('button', { name: /^Show all/ });
      await expect.poll(async () => (await more.count()) + (await page.locator('tbody tr').count())).toBeGreaterThan(1);
      if ((await more.count()) > 0) await more.click();
      await expect.poll(async () => byName(await shown(page)), { timeout: 30_000 }).toEqual(byName(expected));
      const calls = expected.reduce((sum, each) => sum + each.calls, 0);
      expect(await page.locator('[data-figure=calls] dd').first().getAttribute('title')).toBe(
        calls.toLocaleString('en-US'),
      );
    }
    await page.getByRole('radio', { name: 'Tool', exact: true }).click();
    await page.locator('tbody [data-cell=name] a').first().click();
    await page.waitForURL(/\/ui\/requests\?.*tool=/);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('a user sees their own calls, and no other people', async () => {
    const expected = await booked('name', USER);
    expect(expected.reduce((sum, { errors }) => sum + errors, 0)).toBeGreaterThan(0);
    expect(expected.map(({ name }) => name)).toContain(HOSTILE.tool);
    const visit = await world.visit(USER, '/ui/tools?range=90d', { theme: 'dark' });
    const { page } = visit;
    await page.locator('tbody tr').first().waitFor();
    expect(byName(await shown(page))).toEqual(byName(expected));
    expect(await page.getByRole('radio', { name: 'User', exact: true }).count()).toBe(0);
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('a filter narrows what is counted, stands in the address, and says when nothing is left', async () => {
    const visit = await world.visit(ADMIN, '/ui/tools?range=90d&agent=codex', { width: 390, height: 844 });
    const { page } = visit;
    await page.locator('tbody tr').first().waitFor();
    const { rows } = await world.pool.query(
      `SELECT count(*)::int AS calls FROM aperture.tool_calls WHERE agent = 'codex'`,
    );
    const [{ calls }] = z.tuple([z.object({ calls: z.number() })]).parse(rows);
    expect(await page.locator('[data-figure=calls] dd').first().getAttribute('title')).toBe(
      calls.toLocaleString('en-US'),
    );
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(await visit.axe()).toEqual([]);
    await page.goto(`${world.gateway.url}/ui/tools?agent=nobody`);
    await page.getByText('No tool was called').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForURL((url) => !url.search.includes('agent'));
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });
});
