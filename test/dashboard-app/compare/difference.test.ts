import { expect, test } from 'vitest';
import { compare, differenceOf } from '../../../src/dashboard/app/pages/compare/difference.ts';
import { moreOf } from '../../../src/dashboard/app/pages/compare/facts.ts';
import { readExchange } from '../../../src/dashboard/app/pages/request/conversation/read.ts';

const said = (role: string, content: string) => ({ role, content });
const chat = (messages: unknown[], more: object = {}, answer = 'Hello!') =>
  readExchange(
    'openai_chat',
    { model: 'm', messages, ...more },
    { choices: [{ index: 0, message: { role: 'assistant', content: answer } }] },
  );

test('what is the same is named; the first turn that is another is told from its first other character on', () => {
  const common = [said('system', 'Be brief.'), said('user', 'One'), said('assistant', 'Two')];
  const { same, different } = compare(
    chat([...common, said('user', 'How much is a pear?')], { temperature: 0 }),
    chat([...common, said('user', 'How much is a plum?'), said('assistant', 'x'), said('user', 'y')], {
      temperature: 1,
    }),
  );
  expect(same).toEqual(['System prompt', 'Answer']);
  expect(different.map(({ name }) => name)).toEqual(['Settings', 'Turn 3; the 2 before are the same']);
  expect(different[1]).toMatchObject({ before: 'user:\nHow much is a p', a: 'ear?', b: 'lum?' });
});

test('a conversation that goes on where the other ends', () => {
  const first = [said('user', 'One')];
  const { same, different } = compare(chat(first), chat([...first, said('assistant', 'Two'), said('user', 'Three')]));
  expect(same).toEqual(['Answer']);
  expect(different).toEqual([
    { name: 'Turn 2; the one before is the same', before: '', a: null, b: 'assistant:\nTwo' },
  ]);
  expect(compare(chat(first), chat(first))).toEqual({ same: ['Conversation', 'Answer'], different: [] });
});

test('tools, and an answer that only one has', () => {
  const tool = (name: string) => ({ type: 'function', function: { name, description: 'reads', parameters: {} } });
  const { different } = compare(chat([said('user', 'x')], { tools: [tool('read')] }), {
    ...chat([said('user', 'x')], { tools: [tool('write')] }),
    answer: null,
  });
  expect(different.map(({ name, a, b }) => [name, a?.startsWith('read'), b?.startsWith('write')])).toEqual([
    ['Tools', true, true],
    ['Answer', false, undefined],
  ]);
});

test('long texts are shown around the place, and no character is cut in two', () => {
  const long = 'a'.repeat(5_000);
  const { before, a, b } = differenceOf('x', `${long}😀${long}`, `${long}😁${long}`);
  expect(before).toBe(`…${'a'.repeat(160)}`);
  expect([a?.slice(0, 2), b?.slice(0, 2), a?.length, a?.endsWith('…')]).toEqual(['😀', '😁', 1_201, true]);
});

test('how much more', () => {
  const how = (value: number) => `${value} ms`;
  expect(moreOf(100, 150, how)).toBe('+50 ms (+50%)');
  expect(moreOf(100, 25, how)).toBe('−75 ms (−75%)');
  expect([moreOf(0, 5, how), moreOf(5, 5, how), moreOf(null, 5, how)]).toEqual(['+5 ms', '', '']);
});
