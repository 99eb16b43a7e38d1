import { expect, test } from 'vitest';
import { Models } from '../../src/dashboard/app/api/models.ts';
import { ADMIN, USER } from './organisation.ts';
import { NARROW, world } from './plain-world.ts';
import { MODELS } from './world.ts';

test('the models are those of the API, and no others; a search and filters narrow them, and stand in the address', async () => {
  for (const theme of ['light', 'dark'] as const) {
    const visit = await world.visit(ADMIN, '/ui/models', { theme });
    const rows = visit.page.locator('tbody [data-cell=model]');
    await rows.first().waitFor();
    const { data } = Models.parse(await world.json(ADMIN, '/v1/models'));
    expect((await rows.allInnerTexts()).toSorted()).toEqual(data.map(({ id }) => id).toSorted());
    expect(await visit.axe()).toEqual([]);
    await visit.page.getByLabel('Search').fill('claude');
    await expect.poll(() => rows.allInnerTexts()).toEqual(data.map(({ id }) => id).filter((id) => /claude/.test(id)));
    expect(visit.page.url()).toContain('q=claude');
    await visit.page.getByLabel('Search').fill('no such model');
    await visit.page.getByText('Nothing matches').waitFor();
    expect(visit.problems()).toEqual([]);
    await visit.close();
  }
});

test('prices are the API’s, for a million tokens', async () => {
  const visit = await world.visit(ADMIN, '/ui/models');
  const { data } = Models.parse(await world.json(ADMIN, '/v1/models'));
  const model = data.find(({ id }) => id === MODELS.messages);
  const row = visit.page.locator(`[data-row$="/${MODELS.messages}"]`);
  await row.waitFor();
  const shown = await row.locator('[data-cell=input]').innerText();
  expect(Number(shown.slice(1))).toBeCloseTo(Number(model?.pricing?.['input']) * 1e6, 6);
  expect(await row.locator('[data-cell=context]').getAttribute('title')).toBe(
    `${(model?.context_window_tokens ?? 0).toLocaleString('en-US')} tokens`,
  );
  await visit.close();
});

test('whoever has a grant for one model sees that, and settings for the clients that speak its format', async () => {
  const visit = await world.visit(NARROW, '/ui/models');
  const { page } = visit;
  await page.locator('tbody [data-cell=model]').first().waitFor();
  expect(await page.locator('tbody [data-cell=model]').allInnerTexts()).toEqual([MODELS.messages]);
  await page.getByRole('link', { name: 'Set up' }).last().click();
  await page.getByRole('heading', { name: '~/.claude/settings.json' }).waitFor();
  const settings = await page.getByRole('figure', { name: '~/.claude/settings.json' }).locator('pre').innerText();
  expect(JSON.parse(settings)).toEqual({
    model: MODELS.messages,
    env: { ANTHROPIC_BASE_URL: world.gateway.url, ANTHROPIC_API_KEY: expect.any(String) },
  });
  expect(await visit.axe()).toEqual([]);
  await page.getByRole('tab', { name: 'Gemini CLI' }).click();
  await page.getByText('No model of yours works with Gemini CLI').waitFor();
  expect(page.url()).toContain('client=gemini-cli');
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('on a phone, in the dark, by every client: nothing is wider than the screen', async () => {
  const visit = await world.visit(USER, '/ui/set-up', { width: 360, height: 800, theme: 'dark' });
  const { page } = visit;
  const tabs = page.getByRole('tab');
  await tabs.first().waitFor();
  for (const tab of await tabs.all()) {
    await tab.click();
    await page.getByRole('tabpanel').locator('figure, p').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  }
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});
