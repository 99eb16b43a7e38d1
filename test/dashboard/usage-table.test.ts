import { describe, expect, test } from 'vitest';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import { dollars } from '../../src/dashboard/text-table.ts';
import { usageTable } from '../../src/dashboard/usage-table.ts';

const nothing = Object.fromEntries(USAGE_KINDS.map((kind) => [kind, 0]));

function sums(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    requests: 1,
    refused: 0,
    errors: 0,
    usage_absent: 0,
    usage_partial: 0,
    usage_estimated: 0,
    cost_unknown: 0,
    request_bytes: 0,
    response_bytes: 0,
    cost_nanodollars: '0',
    ...change,
    usage: { ...nothing, ...(change['usage'] ?? {}) },
  };
}

const answer = {
  from: '2026-11-22T10:00:00.000Z',
  to: '2026-11-23T10:00:00.000Z',
  group: 'model',
  interval: null,
  truncated: false,
  items: [
    {
      model: 'claude-sonnet-4-5',
      ...sums({
        requests: 1234,
        cost_unknown: 2,
        usage: {
          input_uncached: 1_234_567,
          cache_read: 98_765_432,
          cache_write_5m: 1000,
          cache_write_1h: 5,
          output: 45_678,
        },
        cost_nanodollars: '41234567890500',
      }),
    },
    {
      model: '模型-1',
      ...sums({
        requests: 3,
        usage: { input_uncached: 10, audio_in: 5, output: 7, reasoning: 1 },
        cost_nanodollars: '1500',
      }),
    },
    { model: '', ...sums({ requests: 2, usage_absent: 1, refused: 1 }) },
  ],
  total: sums({
    requests: 1239,
    refused: 1,
    errors: 3,
    usage_absent: 1,
    cost_unknown: 2,
    usage: {
      input_uncached: 1_234_577,
      audio_in: 5,
      cache_read: 98_765_432,
      cache_write_5m: 1005,
      output: 45_685,
      reasoning: 1,
    },
    cost_nanodollars: '41234567892000',
  }),
};

describe('the usage table', () => {
  test('aligns names left and numbers right, and says what its sums lack', () => {
    expect(usageTable(answer).split('\n')).toEqual([
      'Usage from 2026-11-22T10:00:00.000Z to 2026-11-23T10:00:00.000Z',
      '',
      'model              requests      input  cache read  cache write  output  reasoning             cost',
      '─────────────────  ────────  ─────────  ──────────  ───────────  ──────  ─────────  ───────────────',
      'claude-sonnet-4-5    1,234   1,234,567  98,765,432        1,005  45,678          0  $41,234.567890+',
      '模型-1                   3          15           0            0       7          1       $0.000002',
      '(none)                   2*          0           0            0       0          0       $0.000000',
      '─────────────────  ────────  ─────────  ──────────  ───────────  ──────  ─────────  ───────────────',
      'total                1,239*  1,234,582  98,765,432        1,005  45,685          1  $41,234.567892+',
      '',
      '* 1 request without usage: in no sum of tokens',
      '+ 2 requests of unknown cost: in no sum of money',
      '  1 request refused before any provider was asked',
      '  3 requests answered with an error',
    ]);
  });

  test('with an interval, time comes first', () => {
    const timed = {
      ...answer,
      interval: 'hour',
      items: [{ time: '2026-11-23T09:00:00Z', model: 'm', ...sums() }],
      total: sums(),
    };
    expect(usageTable(timed).split('\n').slice(2, 5)).toEqual([
      'time                  model  requests  input  cache read  cache write  output  reasoning        cost',
      '────────────────────  ─────  ────────  ─────  ──────────  ───────────  ──────  ─────────  ──────────',
      '2026-11-23T09:00:00Z  m            1       0           0            0       0          0  $0.000000',
    ]);
  });

  test('without requests says so', () => {
    expect(usageTable({ ...answer, items: [], total: sums({ requests: 0 }) })).toBe(
      'Usage from 2026-11-22T10:00:00.000Z to 2026-11-23T10:00:00.000Z: no requests',
    );
  });

  test('a name that a client chose cannot steer the terminal', () => {
    const table = usageTable({ ...answer, items: [{ model: 'evil\u001b[2J\u202e\n', ...sums() }], total: sums() });
    expect(table).toContain('evil□[2J□□');
    expect(table).not.toContain('\u001b');
  });

  test.each([
    ['0', '$0.000000'],
    ['499', '$0.000000'],
    ['500', '$0.000000'],
    ['501', '$0.000001'],
    ['1500', '$0.000002'],
    ['2500', '$0.000002'],
    ['2501', '$0.000003'],
    ['999999500', '$1.000000'],
    ['999998500', '$0.999998'],
    ['12345678901234567890123', '$12,345,678,901,234.567890'],
  ])('%s nanodollars are %s: exact to six decimals, half to even', (nano, shown) => {
    expect(dollars(nano)).toBe(shown);
  });

  test('what is no answer of /api/usage is refused', () => {
    expect(() => usageTable({ error: 'x' })).toThrow();
  });
});
