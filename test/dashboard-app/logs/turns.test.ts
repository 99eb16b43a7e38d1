import { expect, test } from 'vitest';
import { ToolCall, Turn } from '../../../src/dashboard/app/pages/logs/shapes.ts';
import {
  axisOf,
  barsPath,
  busyMs,
  callsByRequest,
  callsOf,
  growthOf,
  placeOn,
  startsGroup,
} from '../../../src/dashboard/app/pages/logs/turns.ts';

/** From a second to another after the session began. */
function turn(id: string, from: number, to: number, change: object = {}): Turn {
  const at = (seconds: number) => new Date(Date.UTC(2026, 10, 28, 10) + seconds * 1000).toISOString();
  return Turn.parse({
    id,
    received_at: at(from),
    ended_at: at(to),
    provider: 'anthropic',
    model: 'm',
    model_served: null,
    api: 'anthropic_messages',
    agent: 'claude-code',
    agent_id: null,
    status: 200,
    state: 'complete',
    stop_reason: null,
    usage: null,
    usage_state: 'final',
    cost_nanodollars: null,
    tool_calls: [],
    error: null,
    ...change,
  });
}

function call(record_id: string, name: string): ToolCall {
  const result = { bytes: 7, is_error: false, record_id: 'later', at: '2026-11-28T10:00:00Z' };
  return ToolCall.parse({ id: null, name, bytes: 3, record_id, at: '2026-11-28T10:00:00Z', result });
}

test('calls that are listed newest first stand in a turn as they were made, with their results', () => {
  const known = callsByRequest([call('b', 'third'), call('a', 'second'), call('a', 'first')]);
  const made = [
    { id: null, name: 'first', bytes: 3 },
    { id: null, name: 'second', bytes: 3 },
  ];
  expect(callsOf(turn('a', 0, 1, { tool_calls: made }), known).map(({ name }) => name)).toEqual(['first', 'second']);
  expect(callsOf(turn('a', 0, 1, { tool_calls: made }), known)[0]?.result?.bytes).toBe(7);
  // The list of calls ended within this turn: a result that is not there is not known to be missing.
  const more = [{ id: null, name: 'zeroth', bytes: 1 }, ...made];
  expect(callsOf(turn('a', 0, 1, { tool_calls: more }), known).map(({ result }) => result)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a turn stands on the axis where it was in the session', () => {
  const turns = [turn('a', 10, 20), turn('b', 30, 50), turn('c', 35, 40)];
  const axis = axisOf(turns);
  const placed = turns.map((each) => placeOn(axis, each));
  expect(placed.map(({ left }) => left)).toEqual([0, 50, 62.5]);
  expect(placed.map(({ width }) => width)).toEqual([25, 50, 12.5]);
});

test('time spent waiting counts turns side by side once', () => {
  expect(busyMs([turn('a', 0, 10), turn('b', 5, 12), turn('c', 6, 8), turn('d', 20, 21)])).toBe(13_000);
  expect(busyMs([])).toBe(0);
});

test('a group begins where another agent goes on', () => {
  const turns = [
    turn('a', 0, 1),
    turn('b', 1, 2, { agent_id: 'x' }),
    turn('c', 2, 3, { agent_id: 'x' }),
    turn('d', 3, 4),
  ];
  expect(turns.map((_, at) => startsGroup(turns, at))).toEqual([false, true, false, true]);
});

test('growth is what went in, cached and new, and money', () => {
  const usage = { input_uncached: 10, cache_read: 100, cache_write_5m: 5, output: 50 };
  const { cached, fresh, cost } = growthOf([turn('a', 0, 1, { usage, cost_nanodollars: '2500000' }), turn('b', 1, 2)]);
  expect([cached, fresh, cost]).toEqual([
    [100, 0],
    [15, 0],
    [0.0025, 0],
  ]);
});

test('bars stand on those below them, and what is nothing has none', () => {
  expect(barsPath([4, 0], [6, 0], 20)).toBe('M0.12 14V10H0.88V14Z');
});
