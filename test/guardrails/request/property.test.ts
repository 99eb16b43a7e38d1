import { expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import { diceOf, fuzzSeed } from '../../support/dice.ts';
import type { Dice } from '../../support/dice.ts';
import { apply, bytesOf } from './support.ts';

/** With characters that have to be escaped, and such that have several bytes or units. */
const PLANTED = 'Zoë "Q" <q\\@x.io> 😀';
const CASES = 1500;

/** Text in a string: written as JSON by our own writer, or JSON in JSON. */
class Packed {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** A value for the planted one to stand in; `put` says what stands there. */
type Shape = (put: string) => unknown;

const SHAPES: Record<string, { api: Api; shape: (inner: Shape, dice: Dice) => Shape; texts: boolean }[]> = {
  texts: [
    {
      api: 'openai_chat',
      texts: true,
      shape: (inner) => (put) => ({ model: 'm', messages: [{ content: inner(put), role: 'user' }] }),
    },
    {
      api: 'openai_chat',
      texts: true,
      shape: (inner) => (put) => ({
        messages: [{ role: 'user', content: [{ type: 'text', text: inner(put) }] }],
        stream: true,
      }),
    },
    { api: 'openai_responses', texts: true, shape: (inner) => (put) => ({ input: inner(put), model: 'm' }) },
    {
      api: 'openai_responses',
      texts: true,
      shape: (inner) => (put) => ({
        input: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: inner(put) }] }],
      }),
    },
    {
      api: 'anthropic_messages',
      texts: true,
      shape: (inner) => (put) => ({ max_tokens: 1, system: inner(put), messages: [] }),
    },
    {
      api: 'anthropic_messages',
      texts: true,
      shape: (inner) => (put) => ({
        messages: [{ role: 'user', content: [{ type: 'tool_result', content: [{ type: 'text', text: inner(put) }] }] }],
      }),
    },
    {
      api: 'gemini_generate_content',
      texts: true,
      shape: (inner) => (put) => ({ contents: [{ role: 'user', parts: [{ text: inner(put) }] }] }),
    },
    {
      api: 'gemini_embed_content',
      texts: true,
      shape: (inner) => (put) => ({ content: { parts: [{ text: inner(put) }] } }),
    },
    { api: 'openai_embeddings', texts: true, shape: (inner) => (put) => ({ model: 'm', input: ['a', inner(put)] }) },
  ],
  data: [
    {
      api: 'openai_chat',
      texts: false,
      shape: (inner) => (put) => ({
        messages: [
          {
            role: 'assistant',
            tool_calls: [{ id: 'c', function: { name: 'f', arguments: new Packed({ a: inner(put) }) } }],
          },
        ],
      }),
    },
    {
      api: 'openai_responses',
      texts: false,
      shape: (inner) => (put) => ({ input: [{ type: 'function_call', arguments: new Packed([inner(put)]) }] }),
    },
    {
      api: 'openai_responses',
      texts: false,
      shape: (inner) => (put) => ({ input: [{ type: 'function_call_output', output: new Packed({ x: inner(put) }) }] }),
    },
    {
      api: 'anthropic_messages',
      texts: false,
      shape: (inner) => (put) => ({
        messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { a: inner(put) } }] }],
      }),
    },
    {
      api: 'gemini_generate_content',
      texts: false,
      shape: (inner) => (put) => ({
        contents: [{ role: 'model', parts: [{ functionCall: { name: 'f', args: { a: inner(put) } } }] }],
      }),
    },
    {
      api: 'gemini_count_tokens',
      texts: false,
      shape: (inner) => (put) => ({
        contents: [{ role: 'user', parts: [{ functionResponse: { name: 'f', response: { a: inner(put) } } }] }],
      }),
    },
    { api: 'openai_chat', texts: false, shape: (inner) => (put) => ({ model: 'm', never_heard_of: inner(put) }) },
    { api: 'anthropic_messages', texts: false, shape: (inner) => (put) => ({ metadata: { x: inner(put) } }) },
  ],
};
const ALL = Object.values(SHAPES).flat();

test('a value anywhere in any body, however it is escaped, is found and replaced, and nothing else changes', async () => {
  const seed = fuzzSeed('planted values');
  for (let number = 0; number < CASES; number++) {
    const dice = diceOf(seed, number);
    const { api, shape, texts } = dice.pick(ALL);
    const filler = [fillerOf(dice), fillerOf(dice)];
    const inText: Shape = (put) => `${filler[0] ?? ''}${put}${filler[1] ?? ''}`;
    const whole = shape(texts ? inText : nested(inText, dice, 0), dice);
    // Two writers of one seed: the bytes around the value are the same.
    const write = (put: string): string => written(whole(put), diceOf(seed, number + CASES));
    const { text, verdict } = await apply(api, bytesOf(write(PLANTED)), [PLANTED], 'redact');
    const why = `seed ${seed}, case ${number}: ${api} ${write(PLANTED)}`;
    expect(verdict.counts, why).toEqual({ word: 1 });
    expect(meant(JSON.parse(text)), why).toEqual(meant(JSON.parse(write('[redacted:word]'))));
    expect(text, why).not.toContain('q\\\\@x.io');
  }
});

const WORDS = ['', ' ', 'a', 'plain words', 'ü', '"', '\\', '\n', '{', '[1,', '😀', '\u0000', '\u2028', 'q@x.io'];

function fillerOf(dice: Dice): string {
  return Array.from({ length: dice.below(6) }, () => dice.pick(WORDS)).join('');
}

function nested(inner: Shape, dice: Dice, depth: number): Shape {
  if (depth === 3 || dice.chance(0.4)) return inner;
  const deeper = nested(inner, dice, depth + 1);
  const before = scalarOf(dice);
  const key = `k${dice.below(9)}`;
  return dice.chance(0.5)
    ? (put) => [before, deeper(put), true]
    : (put) => ({ z: before, [key]: deeper(put), y: null });
}

function scalarOf(dice: Dice): unknown {
  return dice.pick<unknown>([0, -1.5, 12345678901, true, null, '', 'some text', {}, []]);
}

/** JSON with white space and escapes where chance puts them. */
function written(value: unknown, dice: Dice): string {
  if (value instanceof Packed) return quoted(written(value.value, dice), dice);
  if (typeof value === 'string') return quoted(value, dice);
  if (Array.isArray(value)) return `[${value.map((item) => gap(dice) + written(item, dice)).join(',')}${gap(dice)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, member]) => `${gap(dice)}${JSON.stringify(key)}${gap(dice)}:${gap(dice)}${written(member, dice)}`,
  );
  return `{${members.join(',')}${gap(dice)}}`;
}

function gap(dice: Dice): string {
  return dice.pick(['', '', '', ' ', '\n\t']);
}

function quoted(text: string, dice: Dice): string {
  const share = dice.pick([0, 0.05, 0.5, 1]);
  let all = '';
  for (const unit of text.split('')) {
    const isPaired = unit >= '\ud800' && unit <= '\udfff';
    const mustBe = unit < ' ' || unit === '"' || unit === '\\';
    // Half of a pair stands as it is only beside its other half.
    if (isPaired ? share === 1 : dice.chance(share)) all += `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    else all += mustBe ? JSON.stringify(unit).slice(1, -1) : unit;
  }
  return `"${all}"`;
}

/** The value with JSON in its strings read too: how it is escaped there is not what it means. */
function meant(value: unknown): unknown {
  if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
    try {
      return { packed: meant(JSON.parse(value)) };
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(meant);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, meant(member)]));
}
