import { expect, test } from 'vitest';
import { Revocations, Tokens } from '../../src/dashboard/app/pages/access/answers.ts';
import { ADMIN, USER } from './organisation.ts';
import { world } from './plain-world.ts';
import { MODELS } from './world.ts';

async function statusFor(login: string): Promise<number> {
  const response = await fetch(`${world.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'tailscale-user-login': login },
    body: JSON.stringify({ model: MODELS.chat, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await response.arrayBuffer();
  return response.status;
}
const revocations = async () => Revocations.parse(await world.json(ADMIN, '/api/revocations')).items;
const tokens = async () => Tokens.parse(await world.json(ADMIN, '/api/tokens')).items;

test('a user is shut out, and let in again; one’s own access cannot be taken', async () => {
  const visit = await world.visit(ADMIN, '/ui/access');
  const { page } = visit;
  await page.getByText('Nobody and nothing is shut out').waitFor();
  expect(await visit.axe()).toEqual([]);
  expect(await statusFor(USER)).toBe(200);

  await page.getByRole('button', { name: 'Shut out…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('User', { exact: true }).last().fill(ADMIN);
  await dialog.getByRole('button', { name: 'Shut out' }).click();
  await dialog.getByRole('alert').getByText('would revoke your own access').waitFor();
  await dialog.getByLabel('User', { exact: true }).last().fill(USER);
  await dialog.getByLabel('Why').fill('<b>lost laptop</b>');
  await dialog.getByRole('radio', { name: '24h' }).click();
  expect(await visit.axe()).toEqual([]);
  await dialog.getByRole('button', { name: 'Shut out' }).click();
  await page.locator('tbody [data-cell=value]').getByText(USER).waitFor();
  expect(await page.locator('tbody [data-cell=reason]').innerText()).toBe('<b>lost laptop</b>');
  const [revocation] = await revocations();
  expect(revocation).toMatchObject({ kind: 'login', value: USER, by: ADMIN, state: 'in_force' });
  const lastsMs = Date.parse(revocation?.until ?? '') - Date.parse(revocation?.created_at ?? '');
  expect(Math.abs(lastsMs - 86_400_000)).toBeLessThan(120_000);
  await expect.poll(() => statusFor(USER), { timeout: 20_000 }).toBe(403);

  await page.getByRole('button', { name: `Lift: ${USER}` }).click();
  await dialog.getByRole('button', { name: 'Lift', exact: true }).click();
  await page.getByText('Nobody and nothing is shut out').waitFor();
  expect(await revocations()).toEqual([]);
  await expect.poll(() => statusFor(USER), { timeout: 20_000 }).toBe(200);
  // What was refused on purpose is told by the browser too.
  expect(visit.problems().filter((problem) => !problem.includes('400'))).toEqual([]);
  await visit.close();
});

test('a token is made, shown once, and revoked for good', async () => {
  const visit = await world.visit(ADMIN, '/ui/access?tab=tokens', { theme: 'dark' });
  const { page } = visit;
  await page.getByText('There are no tokens').waitFor();
  await page.getByRole('button', { name: 'New token…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('CI build');
  await dialog.getByLabel('Tags').fill('tag:ci, tag:build');
  expect(await visit.axe()).toEqual([]);
  await dialog.getByRole('button', { name: 'Make it' }).click();
  const text = await dialog.getByRole('figure', { name: 'The token' }).locator('pre').innerText();
  expect(text.length).toBeGreaterThan(20);
  await dialog.getByRole('button', { name: 'I have it' }).click();
  await page.locator('tbody [data-cell=name]').getByText('CI build').waitFor();
  expect(await tokens()).toMatchObject([
    { name: 'CI build', login: 'token:ci-build', tags: ['tag:ci', 'tag:build'], state: 'active' },
  ]);
  // It is nowhere on the page any more, and the API does not tell it.
  expect(await page.content()).not.toContain(text);
  expect(JSON.stringify(await tokens())).not.toContain(text);

  await page.getByRole('button', { name: 'Revoke: CI build' }).click();
  await dialog.getByRole('button', { name: 'Revoke for good' }).click();
  await page.locator('tbody [data-cell=state]').getByText('revoked').waitFor();
  expect((await tokens())[0]?.state).toBe('revoked');
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('it is for admins; on a phone nothing is wider than the screen', async () => {
  const user = await world.visit(USER, '/ui/access');
  await user.page.getByText('This page is for admins').waitFor();
  await user.close();
  const phone = await world.visit(ADMIN, '/ui/access?tab=tokens', { width: 360, height: 800 });
  await phone.page.getByRole('tab', { name: 'Kill switch' }).waitFor();
  expect(await phone.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await phone.axe()).toEqual([]);
  await phone.close();
});
