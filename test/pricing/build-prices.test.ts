import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { PRICES, SOURCE, table } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'prices-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function build(source: string): string {
  const target = join(folder, 'prices.json');
  execFileSync(process.execPath, [join(packageRoot(), 'config', 'build-prices.mjs'), source, target], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return readFileSync(target, 'utf8');
}

function buildOne(model: string): string {
  const source = join(folder, 'source.json');
  writeFileSync(source, `{"currency": "USD", "as_of": "2026-01-01", "models": {"openai": {"m": ${model}}}}`);
  return build(source);
}

test('the committed table is what the script builds from the committed source', () => {
  expect(build(SOURCE)).toBe(readFileSync(PRICES, 'utf8'));
});

test('prices of well-known models are whole picodollars as their lists print them', () => {
  const of = (provider: Parameters<typeof table.providers.get>[0], model: string) =>
    table.providers.get(provider)?.get(model);
  // gpt-4o: $2.50, $10, cached $1.25 a million; priority 70 percent more.
  expect(of('openai', 'gpt-4o')?.rates).toEqual({ input: 2_500_000, output: 10_000_000, cache_read: 1_250_000 });
  expect(of('openai', 'gpt-4o')?.services.priority).toEqual({
    input: 4_250_000,
    output: 17_000_000,
    cache_read: 2_125_000,
  });
  expect(of('openai', 'gpt-4o')?.web_search).toEqual({ picodollars: 10_000_000_000, per: 'search' });
  // claude-sonnet-4-5: $3, $15; above 200,000 tokens of input $6, $22.50; the hour's write is twice the input.
  expect(of('anthropic', 'claude-sonnet-4-5')).toMatchObject({
    rates: {
      input: 3_000_000,
      output: 15_000_000,
      cache_read: 300_000,
      cache_write_5m: 3_750_000,
      cache_write_1h: 6_000_000,
    },
    tiers: [
      {
        above_input_tokens: 200_000,
        rates: {
          input: 6_000_000,
          output: 22_500_000,
          cache_read: 600_000,
          cache_write_5m: 7_500_000,
          cache_write_1h: 12_000_000,
        },
      },
    ],
    services: {
      batch: {
        input: 1_500_000,
        output: 7_500_000,
        cache_read: 150_000,
        cache_write_5m: 1_875_000,
        cache_write_1h: 3_000_000,
      },
    },
    web_search: { picodollars: 10_000_000_000, per: 'search' },
  });
  // gpt-5.6 sells "fast" under service_tier priority.
  expect(of('openai', 'gpt-5.6')?.services).toEqual({
    priority: { input: 8_000_000, output: 40_000_000, cache_read: 800_000, cache_write: 10_000_000 },
  });
  expect(of('gemini', 'gemini-2.5-flash')?.rates).toEqual({
    input: 300_000,
    output: 2_500_000,
    cache_read: 30_000,
    cache_read_audio: 100_000,
    audio_in: 1_000_000,
  });
  expect(of('gemini', 'gemini-2.5-flash')?.web_search).toEqual({ picodollars: 35_000_000_000, per: 'prompt' });
  expect(of('gemini', 'gemini-3.5-flash')?.web_search).toEqual({ picodollars: 14_000_000_000, per: 'search' });
});

test('a price per minute or per search does not pass for one per token', () => {
  expect(table.providers.get('openai')?.has('whisper-1')).toBe(false);
  expect(table.providers.get('bedrock')?.has('cohere.rerank-v3-5:0')).toBe(false);
});

test('digits are shifted, never rounded: 0.1 + 0.2 stays out of the table', () => {
  const built = (text: string): unknown => JSON.parse(buildOne(`{"mode": "chat", "input": ${text}}`));
  expect(built('1.1e-06')).toMatchObject({ providers: { openai: { m: { rates: { input: 1_100_000 } } } } });
  expect(built('0.000000000007')).toMatchObject({ providers: { openai: { m: { rates: { input: 7 } } } } });
  expect(built('1.234567E-06')).toMatchObject({ providers: { openai: { m: { rates: { input: 1_234_567 } } } } });
});

test('a price that is no whole number of picodollars stops the build, and so does a field it does not know', () => {
  expect(() => buildOne('{"mode": "chat", "input": 1.00000005e-06}')).toThrow(/not a whole number of picodollars/);
  expect(() => buildOne('{"mode": "chat", "input": -1e-06}')).toThrow(/not a price/);
  expect(() => buildOne('{"mode": "chat", "input": "1e-06"}')).toThrow(/not a price/);
  expect(() => buildOne('{"mode": "chat", "input": 1e-06, "video_in": 1e-06}')).toThrow(/does not know: video_in/);
});

test('a rate of zero is a hole in the source, not a gift', () => {
  const text = buildOne('{"mode": "chat", "input": 1e-06, "output": 0.0, "web_search_per_request": 0.0}');
  expect(JSON.parse(text)).toMatchObject({
    providers: { openai: { m: { mode: 'chat', rates: { input: 1_000_000 } } } },
  });
  expect(text).not.toContain('"output"');
  expect(text).not.toContain('"web_search"');
});
