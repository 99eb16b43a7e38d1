import { describe, expect, test } from 'vitest';
import { pathText } from '../../../config/problem.ts';
import { configOf, pathParts, placeOf } from '../../../src/dashboard/app/pages/configuration/config-text.ts';

const TEXT = `// ours
{
  "providers": {
    "open.ai": { "baseurl": "https://api.example.com", "models": ["a", "b"] }, // the first
  },
  "grants": [{ "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }] } }],
}
`;

test('a path that the gateway writes is read back into its parts', () => {
  for (const path of [
    ['grants', 0, 'app', 'tailscale.com/cap/aperture', 1, 'models'],
    ['providers', 'open.ai', 'baseurl'],
    ['quotas', 'daily:<user>', 'capacity'],
    ['hooks', 'a "quoted" \\ name', 'builtin', 'patterns', 12],
    ['$schema'],
  ]) {
    expect(pathParts(pathText(path))).toEqual(path);
  }
  expect(pathParts('')).toEqual([]);
});

test('comments and trailing commas are no obstacle, and what is no config has nothing in it', () => {
  expect(configOf(TEXT)['grants']).toEqual([{ app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } }]);
  expect(configOf('')).toEqual({});
  expect(configOf('[1]')).toEqual({});
});

describe('where a remark stands', () => {
  const at = (path: string, line = 0, column = 0) => {
    const { from, to } = placeOf(TEXT, { path, line, column });
    return TEXT.slice(from, to);
  };

  test('at the line and column that are told, to the end of what stands there', () => {
    expect(at('providers["open.ai"].baseurl', 4, 29)).toBe('"https://api.example.com"');
    expect(at('', 2, 1)).toBe('{');
  });

  test('without them where the path leads, and as far as it leads', () => {
    expect(at('providers["open.ai"].models[1]')).toBe('"b"');
    expect(at('grants[0].app["tailscale.com/cap/aperture"][0].role')).toBe('"admin"');
    expect(at('providers["open.ai"].models[7].x')).toBe('[');
    expect(at('nothing.like.that')).toBe('/');
  });

  test('never beyond the text', () => {
    expect(placeOf('{}', { path: 'x', line: 99, column: 99 })).toEqual({ from: 2, to: 2 });
  });
});
