import { expect, test } from 'vitest';
import { formatProblems } from '../../config/check.ts';
import { loadConfig } from '../../config/load.ts';
import { pricingOf } from '../../config/slices.ts';

const REST = `"providers": { "p": { "baseurl": "http://x", "models": ["m"] } },
  "grants": [{ "src": ["*"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }] } }]`;

function load(prices: string, env: Record<string, string> = {}) {
  return loadConfig({ text: `{ ${REST},\n"server": { "prices": [\n${prices}\n] } }`, file: 'my.hujson', env });
}

function problems(prices: string, env: Record<string, string> = {}): string[] {
  const loaded = load(prices, env);
  return loaded.ok ? [] : formatProblems(loaded.fault, 'my.hujson').split('\n');
}

test('prices of the operator reach the inspectors as they are written', () => {
  const loaded = load(`
    { "basis": "openai", "model": "gpt-5.4", "like": "gpt-5.4", "per_million": { "output": "$12" } },
    { "basis": "anthropic", "model": "claude-opus-9", "per_million": { "input": "4", "output": "20" },
      "tiers": [{ "above_input_tokens": 200000, "per_million": { "input": "8" } }],
      "batch": { "input": "2", "output": "10" }, "web_search": "$0.01" },`);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  expect(pricingOf(loaded.value.config).prices).toEqual([
    { basis: 'openai', model: 'gpt-5.4', like: 'gpt-5.4', per_million: { output: '$12' } },
    {
      basis: 'anthropic',
      model: 'claude-opus-9',
      per_million: { input: '4', output: '20' },
      tiers: [{ above_input_tokens: 200_000, per_million: { input: '8' } }],
      batch: { input: '2', output: '10' },
      web_search: '$0.01',
    },
  ]);
});

test('every problem of a price is told, with path and line, and none makes the config usable', () => {
  const told = problems(`{ "basis": "moon", "model": "a", "per_million": { "input": "1" } },
{ "basis": "openai", "model": "b", "per_million": { "output": "1" } },
{ "basis": "openai", "model": "c", "like": "no-such", "per_million": { "input": "-1" } },
{ "basis": "openai", "model": "b", "per_million": { "input": "1" } },
{ "basis": "openai", "per_million": { "input": "1" } },
{ "basis": "openai", "model": "d", "per_million": { "input": "1" },
  "tiers": [{ "above_input_tokens": 1, "per_million": { "output": "much" } }] },`);
  expect(told.map((line) => line.replace(/; there are .*/, ''))).toEqual([
    'my.hujson:4:12 error server.prices[0].basis: "moon" is not a cost basis',
    'my.hujson:5:51 error server.prices[1].per_million: has no input: every price needs that rate',
    'my.hujson:6:44 error server.prices[2].like: "no-such" is not in the price table',
    'my.hujson:6:81 error server.prices[2].per_million.input: "-1" is not a price in dollars with at most 6 decimals',
    'my.hujson:7:31 error server.prices[3].model: "b" has a price for this basis already',
    'my.hujson:8:1 error server.prices[4].model: is not the name of a model',
    'my.hujson:10:67 error server.prices[5].tiers[0].per_million.output: "much" is not a price in dollars with at most 6 decimals',
    'my.hujson: 7 errors; it cannot be used',
  ]);
});

test('what is no price at all is told as well: unknown keys, unknown rates, numbers for sums', () => {
  const told = problems(`{ "basis": "openai", "model": "a", "per_million": { "inputs": "1" } },
{ "basis": "openai", "model": "b", "per_million": { "input": 1 } },
{ "basis": "openai", "model": "c", "per_milion": { "input": "1" } }`).join('\n');
  expect(told).toContain('my.hujson:4:53 error server.prices[0].per_million.inputs: unknown config key "inputs"');
  expect(told).toContain('my.hujson:5:62 error server.prices[1].per_million.input: ');
  expect(told).toContain('my.hujson:6:36 error server.prices[2].per_milion: unknown config key "per_milion"');
});

test('failure mode 35: a secret that a macro put into a price is in no message', () => {
  const told = problems(`{ "basis": "openai", "model": "a", "per_million": { "input": "\${KEY}" } }`, {
    KEY: 'sk-canary-0123456789',
  }).join('\n');
  expect(told).toContain('is not a price');
  expect(told).not.toContain('canary');
});
