import { expect, test } from 'vitest';
import { destinationsFor } from '../../../src/dashboard/app/shell/destinations.ts';
import { placesFor } from '../../../src/dashboard/app/shell/places.ts';

const ROOT = { role: 'admin', read_audit: true } as const;
const ADA = { role: 'user', read_audit: false } as const;
const MODELS = ['gpt-5-mini', 'claude-haiku-4-5', '42'];
const admin = (typed: string) => destinationsFor(typed, { places: placesFor(ROOT), models: MODELS, isAdmin: true });
const user = (typed: string) => destinationsFor(typed, { places: placesFor(ADA), models: MODELS, isAdmin: false });
const names = (found: ReturnType<typeof admin>) => found.map(({ name }) => name);

test('nothing typed: all pages that one may see', () => {
  expect(names(admin(''))).toEqual(placesFor(ROOT).map(({ name }) => name));
  expect(names(user(''))).not.toContain('Configuration');
  const withoutAudit = placesFor({ role: 'admin', read_audit: false }).map(({ name }) => name);
  expect(
    placesFor(ROOT)
      .map(({ name }) => name)
      .filter((name) => !withoutAudit.includes(name)),
  ).toEqual(['Audit']);
});

test('pages are found by name and by what they are about, models by part of their name', () => {
  expect(names(admin('kill'))).toEqual(['Access']);
  expect(user('kill')).toEqual([]);
  expect(admin('haiku')[0]).toEqual({ href: '/ui/?model=claude-haiku-4-5', name: 'claude-haiku-4-5', note: 'its use' });
  // The router reads a bare number as one.
  expect(admin('42')[0]?.href).toBe('/ui/?model=%2242%22');
});

test('ids lead where they belong, and a login to its requests, for admins', () => {
  const id = '019b0c5e-7a11-7c3d-8e2f-0123456789ab';
  expect(admin(` ${id.toUpperCase()} `)).toEqual([
    { href: `/ui/requests/${id}`, name: 'Open the request', note: id },
    { href: `/ui/compare?a=${id}`, name: 'Compare it with another', note: id },
  ]);
  expect(admin('ada@example.com').map(({ href }) => href)).toEqual([
    '/ui/requests?login=ada%40example.com',
    '/ui/sessions/ada%40example.com',
  ]);
  expect(user('ada@example.com').map(({ name }) => name)).toEqual(['Open the session']);
  expect(admin('a/../b?c#d').at(-1)?.href).toBe('/ui/sessions/a%2F..%2Fb%3Fc%23d');
});
