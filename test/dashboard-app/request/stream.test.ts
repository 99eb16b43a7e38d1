import { expect, test } from 'vitest';
import { eventsOf } from '../../../src/dashboard/app/pages/request/stream/events.ts';
import { countUntil, evenPace, timesAt } from '../../../src/dashboard/app/pages/request/stream/pace.ts';
import { clockOf, stretchesShown } from '../../../src/dashboard/app/pages/request/stream/replay-text.ts';
import { piecesOf, saidBy } from '../../../src/dashboard/app/pages/request/stream/said.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('events are cut at blank lines of all kinds; the sum of their bytes is the body', () => {
  const body = 'event: a\ndata: 1\n\n: ping\n\ndata: é\r\ndata: 2\r\n\r\ndata: cut';
  const { events, more } = eventsOf(bytes(body));
  expect(more).toBe(false);
  expect(events.map(({ name, data }) => [name, data])).toEqual([
    ['a', '1'],
    ['', ''],
    ['', 'é\n2'],
    ['', 'cut'],
  ]);
  expect(events.map(({ endByte }) => endByte)).toEqual([18, 26, 47, bytes(body).length]);
  expect(eventsOf(bytes('data: 1\n\n'.repeat(5)), 3)).toMatchObject({ more: true, events: { length: 3 } });
});

test('an event has come when its last byte had; between two marks evenly', () => {
  const pace: [number, number][] = [
    [10, 100],
    [20, 200],
    [20, 210],
    [40, 400],
  ];
  expect(timesAt(pace, [5, 10, 15, 20, 30, 40, 50])).toEqual([100, 100, 150, 200, 305, 400, 400]);
  expect(timesAt(evenPace(100, 300, 10), [0, 5, 10])).toEqual([100, 200, 300]);
  expect(timesAt([], [1])).toEqual([0]);
});

test('how many have come at a moment', () => {
  expect([-1, 0, 5, 9, 10].map((ms) => countUntil([0, 5, 5, 10], ms))).toEqual([0, 1, 3, 3, 4]);
});

test('each API’s words in a stream', () => {
  const said = (data: unknown) => piecesOf(JSON.stringify(data)).map(({ kind, name, text }) => [kind, name, text]);
  expect(said({ choices: [{ delta: { reasoning_content: 'hm', content: 'a' } }] })).toEqual([
    ['thinking', '', 'hm'],
    ['text', '', 'a'],
  ]);
  expect(said({ choices: [{ delta: { tool_calls: [{ function: { name: 'Read', arguments: '{' } }] } }] })).toEqual([
    ['call', 'Read', '{'],
  ]);
  expect(said({ type: 'content_block_start', content_block: { type: 'tool_use', name: 'Bash' } })).toEqual([
    ['call', 'Bash', ''],
  ]);
  expect(said({ type: 'content_block_delta', delta: { type: 'input_json_delta', partial_json: '{"a"' } })).toEqual([
    ['call', '', '{"a"'],
  ]);
  expect(said({ type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'so' } })).toEqual([
    ['thinking', '', 'so'],
  ]);
  expect(said({ type: 'response.output_text.delta', delta: 'x' })).toEqual([['text', '', 'x']]);
  expect(said({ type: 'response.function_call_arguments.delta', delta: '{}' })).toEqual([['call', '', '{}']]);
  expect(said({ type: 'response.output_item.added', item: { type: 'function_call', name: 'shell' } })).toEqual([
    ['call', 'shell', ''],
  ]);
  expect(said({ candidates: [{ content: { parts: [{ text: 'g', thought: true }, { text: 'h' }] } }] })).toEqual([
    ['thinking', '', 'g'],
    ['text', '', 'h'],
  ]);
  expect(piecesOf('[DONE]')).toEqual([]);
  expect(piecesOf('{"choices":[null,7],"x"')).toEqual([]);
  expect(said({ choices: [7] })).toEqual([]);
});

test('a replay shows what had been said by then, its kinds apart', () => {
  const data = (text: string, kind = 'content') => JSON.stringify({ choices: [{ delta: { [kind]: text } }] });
  const said = saidBy([data('think', 'reasoning'), '[DONE]', data('ab'), data('cd')]);
  expect(said).toMatchObject({ text: 'thinkabcd', until: [5, 5, 7, 9] });
  const at = (until: number) => stretchesShown(said, until).stretches.map(({ kind, text }) => [kind, text]);
  expect(at(0)).toEqual([]);
  expect(at(5)).toEqual([['thinking', 'think']]);
  expect(at(7)).toEqual([
    ['thinking', 'think'],
    ['text', 'ab'],
  ]);
  const long = saidBy([data('x'.repeat(100_000))]);
  const shown = stretchesShown(long, 100_000);
  expect([shown.hidden, shown.stretches.map(({ text }) => text.length)]).toEqual([94_000, [6_000]]);
});

test('a clock', () => {
  expect([0, 1234, 59_990, 63_250].map(clockOf)).toEqual(['0.00 s', '1.23 s', '59.99 s', '1:03.3']);
});
