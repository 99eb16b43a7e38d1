import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { environmentTable, settings, settingsTable } from '../../config/reference.ts';
import { packageRoot } from '../../src/lib/package-root.ts';

const file = join(packageRoot(), 'docs/configuration.md');

function between(text: string, name: string): string {
  return text.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0]?.trim() ?? '';
}

function withTable(text: string, name: string, table: string): string {
  return text.replace(
    new RegExp(`(<!-- ${name} -->)[^]*(<!-- /${name} -->)`),
    (_, from: string, to: string) => `${from}\n\n${table}\n\n${to}`,
  );
}

test('docs/configuration.md lists every setting and variable (UPDATE_DOCS=1 npx vitest run test/config writes it)', () => {
  if (process.env['UPDATE_DOCS'] === '1') {
    const text = withTable(readFileSync(file, 'utf8'), 'settings', settingsTable());
    writeFileSync(file, withTable(text, 'environment', environmentTable()));
  }
  const text = readFileSync(file, 'utf8');
  expect(between(text, 'settings')).toBe(settingsTable());
  expect(between(text, 'environment')).toBe(environmentTable());
});

test('every setting says what it means', () => {
  expect(settings().filter(({ meaning }) => meaning === '')).toEqual([]);
});

test("the reference knows Aperture's keys of every section", () => {
  const paths = new Set(settings().map(({ path }) => path));
  // By hand, from the product's documentation.
  for (const path of [
    'providers.<id>.baseurl',
    'providers.<id>.model_cost_map[].adjustment',
    'providers.<id>.compatibility.experimental_gemini_cli_vertex_compat',
    'grants[].app["tailscale.com/cap/aperture"][].send_hooks[].events',
    'quotas.<id>.on_exceed',
    'hooks.<id>.fail_policy',
    'exporters.s3.access_secret',
    'database.retention.require_export',
    'database.headers.filterable[].redact_values',
    'mcp.servers.<id>.url',
    'server.timeouts.first_byte',
  ]) {
    expect(paths, path).toContain(path);
  }
});
