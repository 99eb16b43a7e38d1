import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/contract/api.ts';
import type { BatchUsage } from '../../src/contract/batch.ts';
import type { FromInspector } from '../../src/contract/messages.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { ExchangeRecord as RecordSchema } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import { BatchSums } from '../../src/inspect/batch-sums.ts';
import { Inspector } from '../../src/inspect/inspector.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { InlinedReader } from '../../src/protocols/batches/inlined.ts';
import { LineReader } from '../../src/protocols/batches/lines.ts';
import { openBatchResults } from '../../src/protocols/batches/results.ts';
import { assemble } from '../../src/records/assemble.ts';
import { priceAgain } from '../../src/serve/price-again.ts';
import { table } from '../pricing/support.ts';
import { closed, opened } from '../records/parts.ts';
import { until } from '../support/until.ts';

const compatibility = ['openai_responses', 'anthropic_messages', 'gemini_generate_content'];
const PRICING = {
  autoCostBasis: true,
  prices: [],
  providers: { p: { costBasis: undefined, compatibility, modelCostMap: [] } },
};

/** What a batch's results come to; undefined where they are not all of them. */
function usageOf(
  api: Api,
  chunks: Iterable<Uint8Array>,
  { model = '', how = 'complete', status = 200 }: { model?: string; how?: 'complete' | 'cut'; status?: number } = {},
): BatchUsage | undefined {
  const read = { batch: { id: 'batch_1', model }, of: 'file' as const, id: 'file-1' };
  const sums = new BatchSums(read, { slice: PRICING, table, provider: 'p' });
  const reader = openBatchResults(api, { status, headers: new Map() }, (line) => {
    sums.add(line);
  });
  for (const chunk of chunks) reader?.push(chunk);
  reader?.end(how);
  return reader?.whole === true ? sums.usage() : undefined;
}

const lines = (...values: unknown[]): Buffer =>
  Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
const output = (body: object, status_code = 200): object => ({
  custom_id: 'c',
  response: { status_code, body },
  error: null,
});

/** Cached 40 of 100; reasoning 30 of 50: gpt-5-mini in a batch is $0.125, $0.0125 read, $1 a million. */
const RESPONSE = {
  object: 'response',
  status: 'completed',
  model: 'gpt-5-mini-2025-08-07',
  service_tier: 'default',
  output: [],
  usage: {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 40 },
    output_tokens: 50,
    output_tokens_details: { reasoning_tokens: 30 },
  },
};
const CHAT = {
  object: 'chat.completion',
  model: 'gpt-5-mini-2025-08-07',
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
};
const EMBEDDING = {
  object: 'list',
  model: 'text-embedding-3-small',
  data: [],
  usage: { prompt_tokens: 9, total_tokens: 9 },
};
const OPENAI = lines(
  output(RESPONSE),
  output({ error: { message: 'bad', type: 'invalid_request_error' } }, 400),
  output(CHAT),
  { custom_id: 'd', response: null, error: { code: 'batch_expired', message: 'expired' } },
  output(EMBEDDING),
);
const OPENAI_SUMS = [
  {
    model: 'gpt-5-mini-2025-08-07',
    lines: 2,
    usage: { ...zeroUsage(), input_uncached: 67, cache_read: 40, output: 23, reasoning: 30 },
    // 67 x 125 + 40 x 12.5 + 53 x 1000
    cost_nanodollars: '61875',
    cost_basis: 'openai/gpt-5-mini-2025-08-07',
  },
  // 9 x 10
  { model: 'text-embedding-3-small', lines: 1, usage: { ...zeroUsage(), input_uncached: 9 }, cost_nanodollars: '90' },
];

const answerOf = (prompt: number, candidates: number): object => ({
  candidates: [{ content: { parts: [{ text: 'braces } ] { [ and "quotes" \\' }] }, finishReason: 'STOP' }],
  modelVersion: 'gemini-2.5-pro',
  usageMetadata: { promptTokenCount: prompt, candidatesTokenCount: candidates },
});
const inlined = {
  inlinedResponses: {
    inlinedResponses: [
      { response: answerOf(300_000, 1000), metadata: { key: 'a' } },
      { error: { code: 3, message: 'no' } },
      { response: answerOf(10, 2) },
    ],
  },
};
const GEMINI = {
  name: 'batches/b',
  metadata: { '@type': 'x', state: 'BATCH_STATE_SUCCEEDED', output: inlined, batchStats: { requestCount: '3' } },
  done: true,
  response: inlined,
};
/** A long one at twice the input and one and a half of the output: 300000 x 1250 + 1000 x 7500; a short one: 10 x 625 + 2 x 5000. */
const GEMINI_SUM = {
  model: 'gemini-2.5-pro',
  lines: 2,
  usage: { ...zeroUsage(), input_uncached: 300_010, output: 1002 },
  cost_nanodollars: '382516250',
};

const ANTHROPIC = readFileSync(join(packageRoot(), 'test/fixtures/anthropic-messages/batch-results.response.jsonl'));

const CASES: [name: string, api: Api, bytes: Buffer, counts: object, sums: object[]][] = [
  ['OpenAI: an output file of three endpoints', 'openai_files', OPENAI, { lines: 5, failed: 2 }, OPENAI_SUMS],
  [
    'Anthropic: results',
    'anthropic_batches',
    ANTHROPIC,
    { lines: 4, failed: 2 },
    [
      {
        model: 'claude-sonnet-4-6',
        lines: 2,
        usage: { ...zeroUsage(), input_uncached: 210, cache_read: 900, cache_write_5m: 64, output: 50 },
        // 210 x 1500 + 900 x 150 + 64 x 1875 + 50 x 7500
        cost_nanodollars: '945000',
      },
    ],
  ],
  [
    'Gemini: answers within the batch, told at two places',
    'gemini_batches',
    Buffer.from(JSON.stringify(GEMINI, null, 1)),
    { lines: 3, failed: 1 },
    [GEMINI_SUM],
  ],
  [
    'Gemini: a file',
    'gemini_files',
    lines(
      { key: 'a', response: answerOf(300_000, 1000) },
      { key: 'b', error: { code: 3 } },
      { key: 'c', response: answerOf(10, 2) },
    ),
    { lines: 3, failed: 1 },
    [GEMINI_SUM],
  ],
];

describe('the results of a batch', () => {
  test.each(CASES)(
    '%s: sums by model, each line at the batch price of its own length',
    (_, api, bytes, counts, sums) => {
      const usage = usageOf(api, [bytes]);
      expect(usage).toMatchObject({ ...counts, batch: { id: 'batch_1' }, of: 'file', id: 'file-1' });
      expect(usage?.sums).toHaveLength(sums.length);
      expect(usage?.sums).toMatchObject(sums);
    },
  );

  test.each(CASES)('%s: any split of the bytes gives the same sums', (_, api, bytes) => {
    const whole = usageOf(api, [bytes]);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 40 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(usageOf(api, chunks)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
    expect(
      usageOf(
        api,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(whole);
  });

  test.each(CASES)('%s: cut, refused or in part, they tell nothing', (_, api, bytes) => {
    expect(usageOf(api, [bytes], { how: 'cut' })).toBeUndefined();
    expect(usageOf(api, [bytes], { status: 206 })).toBeUndefined();
    expect(usageOf(api, [bytes], { status: 404 })).toBeUndefined();
  });

  test('a batch of Gemini’s that is not over tells nothing, nor does a torn one', () => {
    const running = { name: 'batches/b', metadata: { state: 'BATCH_STATE_RUNNING' } };
    const told = (value: object | string): unknown =>
      usageOf('gemini_batches', [Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))]);
    expect(told(running)).toBeUndefined();
    expect(told({ ...running, done: false, response: inlined })).toBeUndefined();
    expect(told({ name: 'batches/b', state: 'JOB_STATE_SUCCEEDED', output: inlined })).toMatchObject({ lines: 3 });
    expect(told(JSON.stringify(GEMINI).slice(0, -1))).toBeUndefined();
    // A model's words are no state of the batch.
    const saying = { response: { inlinedResponses: { inlinedResponses: [{ done: true, state: 'X_SUCCEEDED' }] } } };
    expect(told(saying)).toBeUndefined();
  });

  test('the model that was asked for names the sums, and is priced where the answer’s has no price', () => {
    const bytes = lines(output({ ...CHAT, model: 'my-deployment' }), output({ ...CHAT, model: '' }));
    expect(usageOf('openai_files', [bytes])?.sums).toMatchObject([
      { model: 'my-deployment', cost_nanodollars: null, usage_flags: ['cost_unknown:model_unknown'] },
      { model: '', model_served: null, cost_nanodollars: null },
    ]);
    // 7 x 125 + 3 x 1000
    expect(usageOf('openai_files', [bytes], { model: 'gpt-5-mini' })?.sums).toMatchObject([
      { model: 'gpt-5-mini', model_served: 'my-deployment', cost_nanodollars: null },
      { model: 'gpt-5-mini', model_served: null, cost_nanodollars: '3875' },
    ]);
  });

  test('without a price for batches the cost is unknown, and never the standard one', () => {
    const bytes = lines(output({ ...CHAT, model: 'gpt-4o-audio-preview' }));
    expect(usageOf('openai_files', [bytes])?.sums).toMatchObject([
      { usage: { input_uncached: 7, output: 3 }, cost_nanodollars: null, usage_flags: ['cost_unknown:rate_missing'] },
    ]);
  });

  test('a part of unknown cost makes the sum unknown, whichever comes first', () => {
    // Tokens of a kind without a rate.
    const odd = output({ ...EMBEDDING, usage: { prompt_tokens: 1, completion_tokens: 5 } });
    for (const bytes of [lines(output(EMBEDDING), odd), lines(odd, output(EMBEDDING))]) {
      expect(usageOf('openai_files', [bytes])?.sums).toMatchObject([{ lines: 2, cost_nanodollars: null }]);
    }
  });

  test('sums are exact, and rounded once', () => {
    // 12.5 nanodollars for each cached token: two halves make a whole.
    const cached = output({
      ...CHAT,
      usage: { prompt_tokens: 1, prompt_tokens_details: { cached_tokens: 1 }, completion_tokens: 0 },
    });
    expect(usageOf('openai_files', [lines(cached)])?.sums).toMatchObject([{ cost_nanodollars: '12' }]);
    expect(usageOf('openai_files', [lines(cached, cached)])?.sums).toMatchObject([{ cost_nanodollars: '25' }]);
  });

  test('more models than are kept apart are summed together, without a price', () => {
    const bytes = lines(...Array.from({ length: 70 }, (_, at) => output({ ...CHAT, model: `m-${at}` })));
    const sums = usageOf('openai_files', [bytes])?.sums ?? [];
    expect(sums).toHaveLength(65);
    expect(sums.at(-1)).toMatchObject({ lines: 6, usage: { input_uncached: 42 }, cost_nanodollars: null });
  });

  test('a line that is no JSON is flagged, and the others count', () => {
    const flags: string[] = [];
    const seen: unknown[] = [];
    const reader = openBatchResults('openai_files', { status: 200, headers: new Map() }, (line) => seen.push(line));
    reader?.push(
      Buffer.concat([
        Buffer.from('\uFEFF'),
        lines(output(CHAT)),
        Buffer.from('{"half":\n\r\n'),
        lines(output(CHAT)).subarray(0, -1),
      ]),
    );
    flags.push(...(reader?.end('complete').usage_flags ?? []));
    expect(seen).toHaveLength(2);
    expect(flags).toEqual(['unreadable_event']);
  });
});

describe('what is too long is passed over, and what follows is read', () => {
  test('of lines', () => {
    for (const size of [1, 3, 1000]) {
      const seen: string[] = [];
      const reader = new LineReader((text) => seen.push(text), 8);
      const bytes = Buffer.from('12345678\n123456789\n\nab\n123456789012345678');
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      reader.end();
      expect([seen, reader.passedOver]).toEqual([['12345678', 'ab'], 2]);
    }
  });

  test('of answers within a batch', () => {
    const bytes = Buffer.from('{"r":{"inlinedResponses":[{"a":1},{"a":12345678},{"b":2}]}}');
    for (const size of [1, 5, 1000]) {
      const seen: string[] = [];
      const reader = new InlinedReader(
        (text) => seen.push(text),
        () => undefined,
        8,
      );
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      expect([seen, reader.passedOver, reader.whole]).toEqual([['{"a":1}', '{"b":2}'], 1, true]);
    }
  });
});

describe('an exchange that reads results', () => {
  const results = { batch: { id: 'batch_1', model: 'gpt-5-mini' }, of: 'file' as const, id: 'file-1' };

  async function recordOf(
    bytes: Buffer,
    {
      how = 'complete',
      encoding = 'identity',
      isBatch = true,
    }: { how?: 'complete' | 'cut'; encoding?: string; isBatch?: boolean } = {},
  ): Promise<ExchangeRecord> {
    const open = opened({
      ...{ api: 'openai_files', method: 'GET', path: '/v1/files/file-1/content', provider: 'p', model: '' },
      ...(isBatch ? { results } : {}),
    });
    const told: FromInspector[] = [];
    const inspector = new Inspector(table, (message) => told.push(message));
    inspector.take({ kind: 'world', world: open.world, pricing: PRICING });
    inspector.take({ kind: 'open', opened: open, mode: 'watch' });
    const headers: [string, string][] = [['content-encoding', encoding]];
    inspector.take({ kind: 'head', exchange: open.id, status: 200, headers });
    for (let at = 0; at < bytes.length; at += 100) {
      inspector.take({ kind: 'bytes', exchange: open.id, bytes: new Uint8Array(bytes.subarray(at, at + 100)) });
    }
    inspector.take({ kind: 'end', exchange: open.id, how });
    const inspected = await until('it is inspected', () => told.find((message) => message.kind === 'inspected'));
    if (!inspected.outcome.ok) throw new Error(JSON.stringify(inspected.outcome.fault));
    const parts = { opened: open, closed: closed(), facts: inspected.outcome.value, gateway: 'gw', segment: 1 };
    const record = assemble(parts);
    // What travels to the store is what comes out of its schema.
    expect(RecordSchema.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
    return record;
  }

  test('has a record without usage that carries what its batch came to', async () => {
    const record = await recordOf(OPENAI);
    expect(record).toMatchObject({
      ...{ usage: null, usage_state: 'absent', cost_nanodollars: null, usage_flags: [] },
      usage_detail: { batch: { id: 'batch_1', of: 'file', results: 'file-1', lines: 5, failed: 2 } },
      batch_usage: { ...results, lines: 5, failed: 2, sums: [{ cost_nanodollars: '61875' }, { lines: 1 }] },
    });
    expect((await recordOf(gzipSync(OPENAI), { encoding: 'gzip' })).batch_usage).toEqual(record.batch_usage);
  });

  test.each([
    ['was cut', OPENAI, { how: 'cut' }],
    ['cannot be unpacked', Buffer.from('no gzip'), { encoding: 'gzip' }],
    ['comes in an unknown encoding', OPENAI, { encoding: 'compress' }],
    ['is of a file that no batch made', OPENAI, { isBatch: false }],
  ] as const)('carries nothing where the answer %s', async (_, bytes, how) => {
    const record = await recordOf(bytes, how);
    expect(record.batch_usage).toBeUndefined();
    expect(record.usage_detail).toEqual({});
  });

  test('what it came to is not priced again: the lengths of the lines are gone', () => {
    const booked = {
      ...{
        id: 'x',
        after: null,
        api: 'openai_batches' as const,
        provider: 'p',
        model: 'gpt-5-mini',
        model_served: null,
      },
      ...{ usage: { ...zeroUsage(), output: 1 }, usage_detail: {}, usage_flags: [], server_tools: {} },
      ...{ service_tier: 'batch', cost_nanodollars: '7', cost_basis: 'b', reported_cost_nanodollars: null },
    };
    expect(priceAgain(booked, PRICING, table)).toEqual({ kind: 'same' });
    expect(priceAgain({ ...booked, api: 'openai_chat' }, PRICING, table)).toMatchObject({
      kind: 'changed',
      cost: '1000',
    });
  });
});
