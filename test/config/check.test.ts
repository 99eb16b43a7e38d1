import { expect, test } from 'vitest';
import { formatProblems } from '../../config/check.ts';
import { loadConfig } from '../../config/load.ts';
import { pathText, shown, shownUrl } from '../../config/problem.ts';

function checked(text: string): string {
  const loaded = loadConfig({ text, file: 'my.hujson', env: {} });
  return formatProblems(loaded.ok ? loaded.value.warnings : loaded.fault, 'my.hujson');
}

test('problems are one a line, where editors find them, with a summary', () => {
  const text = `{
  "providers": { "p": { "baseurl": "http://x", "models": ["m"], "apikey": "\${KEY}", "colour": 1 } },
  "server": { "time_zone": "Mars" },
}`;
  expect(checked(text)).toBe(
    [
      'my.hujson:1:1 warning grants: providers are configured but no grants or temp_grants defined; all access will be denied',
      'my.hujson:1:1 warning grants: no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance',
      'my.hujson:2:75 error providers.p.apikey: unsubstituted macros: [KEY]',
      'my.hujson:2:85 warning providers.p.colour: unknown config key "colour"',
      'my.hujson:3:28 error server.time_zone: "Mars" is not a time zone such as "UTC" or "Europe/Berlin"',
      'my.hujson: 2 errors, 3 warnings; it cannot be used',
    ].join('\n'),
  );
});

test('warnings alone do not keep a config from being used', () => {
  expect(checked('{}').split('\n').at(-1)).toBe('my.hujson: 2 warnings; it can be used');
});

test('a good config is said to be good', () => {
  expect(formatProblems([], 'my.hujson')).toBe('my.hujson: good');
});

test('what comes from the environment has no place in the file', () => {
  const problem = { line: 0, column: 0, advisory: false, severity: 'error' as const };
  expect(formatProblems([{ ...problem, path: 'APERTURE_LISTEN', message: 'is odd' }], 'my.hujson')).toBe(
    'environment error APERTURE_LISTEN: is odd\nmy.hujson: 1 error; it cannot be used',
  );
});

test('a path reads like the file', () => {
  expect(pathText(['grants', 0, 'app', 'tailscale.com/cap/aperture', 1, 'models'])).toBe(
    'grants[0].app["tailscale.com/cap/aperture"][1].models',
  );
  expect(pathText([])).toBe('');
});

test.each([
  ['basic', 'basic'],
  ['X-Team research', 'X-Team…'],
  ['X=secret', 'X…'],
  ['sk-ant-api03-0123456789012345678901234567890', 'sk-ant-a…'],
  [5, '5'],
  [{ a: 'secret' }, '…'],
])('of the value %j a message shows %s', (value, text) => {
  expect(shown(value)).toBe(text);
});

test.each([
  ['ftp://x/y', 'ftp://x/y'],
  ['https://u:p@x/y?key=1#f', 'https://…@x/y?…'],
  ['u:p@x', '…@x'],
  ['https://u:p@w@x/', 'https://…@x/'],
])('of the URL %s a message shows %s', (url, text) => {
  expect(shownUrl(url)).toBe(text);
});
