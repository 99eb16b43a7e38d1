import { expect, test } from 'vitest';
import type { CostBasis } from '../../src/pricing/basis.ts';
import { basesOf } from '../../src/pricing/basis.ts';
import { findPrice, sameModel } from '../../src/pricing/lookup.ts';
import { table } from './support.ts';

function find(basis: CostBasis, name: string, beside = ''): string | undefined {
  const found = findPrice(table, basis, name, beside);
  return found === undefined ? undefined : [found.model, ...found.flags].join(' ');
}

test('a name in the table is itself, also where its dated sibling costs something else', () => {
  expect(find('openai', 'gpt-4o')).toBe('gpt-4o');
  expect(find('openai', 'gpt-4o-2024-05-13')).toBe('gpt-4o-2024-05-13');
  expect(find('google', 'gemini-2.5-pro')).toBe('gemini-2.5-pro');
  expect(find('vertex', 'claude-haiku-4-5@20251001')).toBe('claude-haiku-4-5@20251001');
});

test('a dated name is its alias, and an alias its only dated name', () => {
  expect(find('openai', 'gpt-5.3-codex-2026-02-01')).toBe('gpt-5.3-codex');
  expect(find('anthropic', 'claude-sonnet-4-6-20260115')).toBe('claude-sonnet-4-6');
  expect(find('anthropic', 'claude-3-7-sonnet')).toBe('claude-3-7-sonnet-20250219');
  expect(find('vertex', 'claude-opus-5-5')).toBe('claude-opus-5-5@default');
  expect(find('google', 'gemini-2.5-flash-001')).toBe('gemini-2.5-flash');
  expect(find('openai', 'gpt-3.5-turbo-instruct:20230824-v2')).toBe('gpt-3.5-turbo-instruct');
  expect(sameModel('gpt-3.5-turbo-instruct:20230824-v2', 'gpt-3.5-turbo-instruct')).toBe(true);
});

test('prefixes of paths, providers and ARNs do not hide a model', () => {
  expect(find('google', 'models/gemini-2.5-pro')).toBe('gemini-2.5-pro');
  expect(find('vertex', 'publishers/anthropic/models/claude-opus-4-8')).toBe('claude-opus-4-8');
  expect(find('openai', 'lab/gpt-5-mini-2025-08-07')).toBe('gpt-5-mini-2025-08-07');
  expect(find('vertex', 'zai-org/glm-5-maas')).toBe('zai-org/glm-5-maas');
  expect(find('bedrock', 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-8')).toBe(
    'us.anthropic.claude-opus-4-8',
  );
});

test('failure mode 12: Bedrock prices follow the region of the id, of the request or of the basis', () => {
  expect(find('bedrock', 'us.anthropic.claude-opus-4-8')).toBe('us.anthropic.claude-opus-4-8');
  expect(find('bedrock', 'claude-opus-4-8', 'us.anthropic.claude-opus-4-8')).toBe('us.anthropic.claude-opus-4-8');
  expect(find('bedrock', 'claude-sonnet-4-5-20250929', 'global.anthropic.claude-sonnet-4-5-20250929-v1:0')).toBe(
    'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
  );
  expect(find('bedrock', 'claude-3-5-haiku-20241022', 'anthropic.claude-3-5-haiku-20241022-v1:0')).toBe(
    'anthropic.claude-3-5-haiku-20241022-v1:0',
  );
  expect(find('bedrock-eu', 'anthropic.claude-opus-4-8')).toBe('eu.anthropic.claude-opus-4-8');
  expect(find('bedrock-us', 'global.anthropic.claude-opus-4-8')).toBe('global.anthropic.claude-opus-4-8');
  expect(find('bedrock-ap', 'amazon.nova-lite-v1:0')).toBe('apac.amazon.nova-lite-v1:0');
  expect(find('bedrock', 'anthropic.claude-opus-4-8-v1:0')).toBe('anthropic.claude-opus-4-8-v1');
});

test('a region without a price of its own is charged as the bare id, and says so', () => {
  expect(find('bedrock', 'eu.mistral.mistral-large-2407-v1:0')).toBe(
    'mistral.mistral-large-2407-v1:0 rate_missing:region_eu',
  );
});

test('another version is another model', () => {
  expect(find('bedrock', 'anthropic.claude-3-5-sonnet-20241022-v2:0')).toBe(
    'anthropic.claude-3-5-sonnet-20241022-v2:0',
  );
  expect(find('bedrock', 'anthropic.claude-3-5-haiku-20241022-v9:0')).toBeUndefined();
});

test('resellers name the vendor; a variant has a price of its own, which no list has', () => {
  expect(find('openrouter', 'anthropic/claude-sonnet-4.5')).toBe('claude-sonnet-4-5');
  expect(find('openrouter', 'google/gemini-2.5-pro')).toBe('gemini-2.5-pro');
  expect(find('vercel', 'openai/gpt-5.4')).toBe('gpt-5.4');
  expect(find('openrouter', 'openai/gpt-5.4:free')).toBeUndefined();
  expect(find('openrouter', 'meta-llama/llama-4-maverick')).toBeUndefined();
});

test('no model is guessed', () => {
  for (const name of [
    '',
    'gpt-5.4-turbo',
    'gpt-5.4-',
    'gpt',
    'GPT-5.4',
    'claude',
    'claude-sonnet-4',
    'x'.repeat(5000),
  ]) {
    expect(find('openai', name)).toBeUndefined();
  }
  expect(find('openai', 'ft:gpt-4o-mini-2024-07-18:acme::abc')).toBeUndefined();
  expect(find('openai', 'constructor')).toBeUndefined();
});

test('one model under two names, and two models', () => {
  expect(sameModel('us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5')).toBe(true);
  expect(sameModel('anthropic/claude-sonnet-4.5', 'claude-sonnet-4-5-20250929')).toBe(true);
  expect(sameModel('gpt-5', 'gpt-5-mini')).toBe(false);
  expect(sameModel('gpt-4.1-mini', 'gpt-4.1')).toBe(false);
});

test('auto_cost_basis reads the flags; a set basis wins; Bedrock is never inferred', () => {
  expect(basesOf(undefined, ['openai_chat', 'openai_responses'], true)).toEqual(['openai']);
  expect(basesOf(undefined, ['anthropic_messages'], true)).toEqual(['anthropic']);
  expect(basesOf(undefined, ['gemini_generate_content'], true)).toEqual(['google']);
  expect(basesOf(undefined, ['openai_chat', 'google_generate_content'], true)).toEqual(['vertex', 'openai']);
  expect(basesOf(undefined, ['google_raw_predict'], true)).toEqual(['vertex']);
  expect(basesOf(undefined, ['openai_chat', 'anthropic_messages'], true)).toEqual(['anthropic', 'openai']);
  expect(basesOf(undefined, ['bedrock_converse'], true)).toEqual([]);
  expect(basesOf(undefined, ['openai_chat'], false)).toEqual([]);
  expect(basesOf('azure', ['openai_chat'], false)).toEqual(['azure']);
  expect(basesOf('nonsense', ['openai_chat'], true)).toEqual([]);
});
