import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileGlob } from '../../src/lib/globs.ts';

function matches(pattern: string, text: string): boolean {
  return compileGlob(pattern).matches(text.split('/'));
}

// The examples of Aperture's documentation (aperture.md, section 4.4), and what follows from its two rules.
test.each([
  ['**', 'openai/gpt-5', true],
  ['anthropic/**', 'anthropic/claude-sonnet-4-6', true],
  ['anthropic/**', 'anthropic2/claude-sonnet-4-6', false],
  ['*/claude-sonnet*', 'bedrock/claude-sonnet-4-6', true],
  ['*/claude-sonnet*', 'openrouter/anthropic/claude-sonnet-4-6', false],
  ['aperture-*/**', 'aperture-eu/x/y', true],
  ['aperture-*/**', 'aperture/x', false],
  ['openrouter/*', 'openrouter/qwen/qwen3-235b', false],
  ['openrouter/**', 'openrouter/qwen/qwen3-235b', true],
  ['openai/gpt-5', 'openai/gpt-5', true],
  ['openai/gpt-5', 'openai/gpt-5.1', false],
  ['openai/gpt.5', 'openai/gpt-5', false],
  ['gpt-5', 'openai/gpt-5', false],
  ['**/gpt-5', 'openai/gpt-5', true],
  ['**/gpt-5', 'gpt-5', true],
  ['a/**/z', 'a/z', true],
  ['a/**/b/**/z', 'a/x/b/y/b/z', true],
  ['*/gpt-5*', 'openai/gpt-5', true],
  ['*/*mini*', 'openai/gpt-5-mini', true],
  ['*/ab*ba', 'p/aba', false],
  ['*/gpt**5', 'openai/gpt-5', true],
  ['', 'openai/gpt-5', false],
  ['*', 'openai/gpt-5', false],
])('the pattern %s on %s: %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected);
});

/** The two rules word for word, by trying everything. */
function naiveSegments(pattern: readonly string[], text: readonly string[]): boolean {
  const [part, ...parts] = pattern;
  if (part === undefined) return text.length === 0;
  if (part === '**') return text.some((_, at) => naiveSegments(parts, text.slice(at))) || naiveSegments(parts, []);
  const [segment, ...segments] = text;
  return segment !== undefined && naiveText(part, segment) && naiveSegments(parts, segments);
}

function naiveText(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    for (let at = 0; at <= text.length; at += 1) if (naiveText(pattern.slice(1), text.slice(at))) return true;
    return false;
  }
  return text !== '' && pattern[0] === text[0] && naiveText(pattern.slice(1), text.slice(1));
}

const letters = fc.constantFrom('a', 'b', '.');
const word = fc.array(letters, { maxLength: 5 }).map((parts) => parts.join(''));
const part = fc.oneof(
  fc.constant('**'),
  fc.array(fc.oneof(letters, fc.constant('*')), { maxLength: 5 }).map((p) => p.join('')),
);

test('every pattern matches what the rules say, word for word', () => {
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 5 }),
      fc.array(word, { minLength: 1, maxLength: 5 }),
      (p, t) => {
        expect(matches(p.join('/'), t.join('/'))).toBe(naiveSegments(p.join('/').split('/'), t.join('/').split('/')));
      },
    ),
    { numRuns: 20_000 },
  );
});

test('a pattern made to backtrack does not', () => {
  const text = `p/${'a'.repeat(20_000)}c`;
  const startedAt = performance.now();
  expect(matches(`*/${'*a'.repeat(50)}*b`, text)).toBe(false);
  expect(matches(`${'**/a/'.repeat(30)}b`, 'a/'.repeat(5_000))).toBe(false);
  // A backtracking matcher would not finish in a lifetime.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
