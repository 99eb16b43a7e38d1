import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { LateUsage } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import { FrontMetrics } from '../../src/front/front-metrics.ts';
import { aRecord } from '../support/records.ts';

const usage = { ...zeroUsage(), output: 10 };
const own = { api: 'openai_responses', provider: 'openai', usage, cost_nanodollars: '2000000000' } as const;

function late(response_id: string): Partial<LateUsage> & Pick<LateUsage, 'response_id'> {
  return { response_id, usage, cost_nanodollars: '2000000000' };
}

function poll(response_id: string, change: Parameters<typeof aRecord>[0] = {}): ReturnType<typeof aRecord> {
  return aRecord({
    api: 'openai_responses_stored',
    provider: 'openai',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
    response_id: null,
    late_usage: {
      model_served: 'gpt-5',
      usage_detail: {},
      usage_flags: [],
      server_tools: {},
      service_tier: null,
      cost_basis: null,
      price_version: null,
      usage,
      cost_nanodollars: null,
      ...late(response_id),
    },
    ...change,
  });
}

async function counted(records: ReturnType<typeof aRecord>[]): Promise<{ output: number; dollars: number }> {
  const registry = new Registry();
  const metrics = new FrontMetrics(registry);
  for (const record of records) metrics.record(record);
  const text = await registry.metrics();
  const value = (line: RegExp): number => Number(line.exec(text)?.[1] ?? '0');
  return {
    output: value(/^aperture_tokens_total\{provider="openai",kind="output"\} (\S+)$/m),
    dollars: value(/^aperture_cost_dollars_total\{provider="openai"\} (\S+)$/m),
  };
}

test('a response that is polled again and again is counted once', async () => {
  const background = aRecord({ ...own, usage: null, usage_state: 'absent', cost_nanodollars: null, response_id: 'r' });
  expect(await counted([background, poll('r'), poll('r'), poll('r')])).toEqual({ output: 10, dollars: 2 });
});

test('a response whose own exchange told its usage is not counted when it is read, before or after', async () => {
  const made = aRecord({ ...own, response_id: 'r' });
  expect(await counted([made, poll('r')])).toEqual({ output: 10, dollars: 2 });
  expect(await counted([poll('r'), made, poll('r')])).toEqual({ output: 10, dollars: 2 });
});

test('two responses are two: of one id by two callers, and of one id that a provider made twice', async () => {
  expect(await counted([poll('r'), poll('r', { login: 'bob@example.com' })])).toEqual({ output: 20, dollars: 4 });
  const made = aRecord({ ...own, response_id: 'r' });
  expect(await counted([made, made])).toEqual({ output: 20, dollars: 4 });
});

test('the results of a batch are counted once, however often they are read', async () => {
  const read = (id: string, outputs: number[]): ReturnType<typeof aRecord> =>
    aRecord({
      ...{ api: 'openai_files', provider: 'openai', usage: null, usage_state: 'absent', cost_nanodollars: null },
      batch_usage: {
        ...{ batch: { id: 'batch_1', model: '' }, of: 'file', id, lines: 9, failed: 1 },
        sums: outputs.map((output, at) => ({
          ...{ model: `m-${at}`, model_served: null, lines: 1, usage: { ...zeroUsage(), output } },
          ...{ usage_flags: [], server_tools: {}, cost_basis: null, price_version: null },
          cost_nanodollars: at === 0 ? '2000000000' : null,
        })),
      },
    });
  const [errors, results] = [read('file-errors', []), read('file-1', [10, 5])];
  expect(await counted([errors, results, results, errors])).toEqual({ output: 15, dollars: 2 });
  expect(await counted([results, read('file-2', [1])])).toEqual({ output: 16, dollars: 4 });
});
