import { expect, test } from 'vitest';
import { ADMIN, USER } from './organisation.ts';
import { world } from './plain-world.ts';

test('an admin sees all pages, a user those about themselves, and nobody from outside any figures', async () => {
  const admin = await world.visit(ADMIN, '/ui/');
  const places = admin.page.getByRole('navigation', { name: 'Pages' }).getByRole('listitem');
  await places.first().waitFor();
  expect(await places.allInnerTexts()).toEqual([
    'Overview',
    'Sessions',
    'Requests',
    'Tools',
    'Activity',
    'Guardrails',
    'Models',
    'Playground',
    'Set up',
    'Adoption',
    'Access',
    'Audit',
    'Deliveries',
    'Configuration',
  ]);
  expect(await admin.axe()).toEqual([]);
  expect(admin.problems()).toEqual([]);
  await admin.close();

  const user = await world.visit(USER, '/ui/adoption');
  await user.page.getByText('This page is for admins').waitFor();
  expect(await user.page.getByRole('navigation', { name: 'Pages' }).getByRole('listitem').allInnerTexts()).toEqual([
    'Overview',
    'Sessions',
    'Requests',
    'Tools',
    'Activity',
    'Guardrails',
    'Models',
    'Playground',
    'Set up',
  ]);
  await user.close();

  const stranger = await world.visit('mallory@example.net', '/ui/');
  await stranger.page.getByText('You may not see this').waitFor();
  await stranger.close();
});

test('a browser at the root is led to the pages, Aperture’s own addresses too; a probe is answered as ever', async () => {
  const { url } = world.gateway;
  const at = async (path: string, accept = '*/*') => {
    const { status, headers } = await fetch(url + path, { redirect: 'manual', headers: { accept } });
    return [status, headers.get('location')];
  };
  expect(await at('/', 'text/html,application/xhtml+xml')).toEqual([302, '/ui/']);
  expect(await at('/')).toEqual([200, null]);
  expect(await at('/admin/adoption')).toEqual([302, '/ui/']);
  expect(await at('/chat')).toEqual([302, '/ui/playground']);
  expect(await at('/ui')).toEqual([302, '/ui/']);
  expect((await at('/ui/assets/none.js'))[0]).toBe(404);
  expect((await fetch(`${url}/ui/`, { method: 'POST' })).status).toBe(405);
  // A path of a provider's API: not ours to lead away.
  expect((await fetch(`${url}/chat/completions`, { redirect: 'manual' })).headers.get('location')).toBeNull();
});

test('pages come with a policy that lets nothing in and nothing out, compressed, and with names that may be kept', async () => {
  const page = await fetch(`${world.gateway.url}/ui/requests/some-id`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; .*frame-ancestors 'none'/,
  );
  expect(page.headers.get('cache-control')).toBe('no-cache');
  const script = /src="(\/ui\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? '';
  const asset = await fetch(world.gateway.url + script, { headers: { 'accept-encoding': 'gzip' } });
  expect(asset.headers.get('content-encoding')).toBe('gzip');
  expect(asset.headers.get('cache-control')).toContain('immutable');
  const again = await fetch(world.gateway.url + script, {
    headers: { 'if-none-match': asset.headers.get('etag') ?? '' },
  });
  expect(again.status).toBe(304);
});

test('Ctrl and K lead from anywhere to anywhere, by keys alone', async () => {
  const visit = await world.visit(ADMIN, '/ui/requests');
  const { page } = visit;
  await page.getByRole('heading', { name: 'Requests', level: 1 }).waitFor();
  await page.keyboard.press('Control+k');
  const field = page.getByRole('combobox', { name: 'Go to' });
  await field.waitFor();
  expect(await visit.axe()).toEqual([]);
  await page.keyboard.type('kill');
  await page.getByRole('option', { name: /Access/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Access', level: 1 }).waitFor();
  expect(await field.count()).toBe(0);

  await page.getByRole('button', { name: 'Go to' }).click();
  await page.keyboard.type('haiku');
  await page.getByRole('option', { name: /claude-haiku/ }).click();
  await page.waitForURL(/\/ui\/\?model=claude-haiku/);
  await page.keyboard.press('Meta+k');
  await field.waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => field.count()).toBe(0);
  expect(page.url()).toMatch(/\/ui\/\?model=claude-haiku/);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});
