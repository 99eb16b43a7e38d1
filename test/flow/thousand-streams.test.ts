import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyLoad, rawPost } from '../../bench/load/client.ts';
import type { LoadResult } from '../../bench/load/client.ts';
import { sayMs, summarize } from '../../bench/load/samples.ts';
import { startProvider } from '../../bench/targets.ts';
import type { Target } from '../../bench/targets.ts';
import type { Books } from '../../src/simulator/books.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, MODELS, PATHS } from './support.ts';
import type { Api } from './support.ts';

const STREAMS = 1000;
/** All are open at once: the last begins when the first is half through. */
const STARTS_PER_SECOND = 200;
const EVENTS = 50;
/** Five tokens a second in each stream, five thousand in all. */
const PACE_MS = 200;
const INPUT_TOKENS = 100;
const OUTPUT_TOKENS = 60;
/** Per token of input and output, in nanodollars: gpt-5-mini $0.25 and $2 a million, claude-haiku-4-5 $1 and $5. */
const COST_NANODOLLARS: Record<Api, string> = {
  openai: String(INPUT_TOKENS * 250 + OUTPUT_TOKENS * 2000),
  anthropic: String(INPUT_TOKENS * 1000 + OUTPUT_TOKENS * 5000),
};
/** What the gateway may add to the median event, on its way from the provider to the client. */
const ADDED_MEDIAN_MS = 5;

/** Gateway, provider and clients are three processes: none of them waits for another's turn of the loop. */
let provider: Target;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider();
  const baseurl = `http://127.0.0.1:${provider.port}`;
  gateway = await startGateway({
    config: {
      providers: {
        openai: { baseurl, models: [MODELS.openai] },
        anthropic: {
          baseurl,
          models: [MODELS.anthropic],
          compatibility: { openai_chat: false, anthropic_messages: true },
        },
      },
      grants: [ADMIN_GRANT],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

/** Every other stream speaks the other API. */
function apiOf(index: number): Api {
  return index % 2 === 0 ? 'openai' : 'anthropic';
}

function requestOf(api: Api): Buffer {
  const body = {
    model: MODELS[api],
    max_tokens: 4096,
    stream: true,
    ...(api === 'openai' ? { stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: 'Tell me a story' }],
  };
  const steering = `input=${INPUT_TOKENS};output=${OUTPUT_TOKENS};events=${EVENTS};bytes=40;stamp=1;pace=${PACE_MS}ms`;
  return rawPost(PATHS[api], JSON.stringify(body), {
    host: '127.0.0.1',
    'anthropic-version': '2023-06-01',
    'x-sim': steering,
  });
}

function load(port: number, streams: number): Promise<LoadResult> {
  const requests: Record<Api, Buffer> = { openai: requestOf('openai'), anthropic: requestOf('anthropic') };
  return applyLoad({
    host: '127.0.0.1',
    port,
    connections: streams,
    arrivals: { kind: 'open', perSecond: STARTS_PER_SECOND, requests: streams },
    request: (index) => requests[apiOf(index)],
  });
}

async function books(since = 0): Promise<Books> {
  const response = await fetch(`http://127.0.0.1:${provider.port}/__sim/books?since=${since}`);
  return response.json() as Promise<Books>;
}

/** Totals only: a long list of entries would cost the provider milliseconds while it is measured. */
async function liveStreams(): Promise<number> {
  return (await books(Number.MAX_SAFE_INTEGER)).totals.live;
}

test(
  '1,000 paced streams in one process: all whole, one exact record each, and prompt',
  { timeout: 120_000 },
  async () => {
    const direct = await load(provider.port, STREAMS);
    expect(direct).toMatchObject({ statuses: { 200: STREAMS }, failures: {} });
    await fetch(`http://127.0.0.1:${provider.port}/__sim/reset`, { method: 'POST' });

    const running = load(Number(new URL(gateway.url).port), STREAMS);
    await until('all streams are open at once', async () => (await liveStreams()) === STREAMS, 20_000);
    const through = await running;
    expect(through).toMatchObject({ statuses: { 200: STREAMS }, failures: {} });
    expect(through.forwardingMs.length).toBe(STREAMS * EVENTS);
    expect(through.events, 'no event is lost or added').toBe(direct.events);

    const records = await gateway.records(STREAMS);
    expect(records.length).toBe(STREAMS);
    expect(new Set(records.map(({ id }) => id)).size).toBe(STREAMS);
    const { totals } = await books();
    expect(totals.endings).toEqual({ complete: STREAMS });
    const sum = { bytes: 0, input: 0, output: 0 };
    for (const record of records) {
      const api: Api = record.api === 'anthropic_messages' ? 'anthropic' : 'openai';
      expect(record).toMatchObject({
        state: 'complete',
        status: 200,
        usage_state: 'final',
        cost_nanodollars: COST_NANODOLLARS[api],
      });
      sum.bytes += record.response_bytes;
      sum.input += record.usage?.input_uncached ?? 0;
      sum.output += record.usage?.output ?? 0;
    }
    expect(sum).toEqual({
      bytes: totals.bytes_sent,
      input: totals.usage.input_uncached,
      output: totals.usage.output,
    });

    const before = summarize(direct.forwardingMs);
    const after = summarize(through.forwardingMs);
    console.log(
      `${STREAMS} streams, an event each ${PACE_MS} ms: direct ${sayMs(before)}; gateway ${sayMs(after)}; ` +
        `added p50 ${(after.median - before.median).toFixed(3)} ms, p99 ${(after.p99 - before.p99).toFixed(1)} ms; ` +
        `first byte direct ${sayMs(summarize(direct.firstByteMs))}, gateway ${sayMs(summarize(through.firstByteMs))}`,
    );
    expect(after.median - before.median).toBeLessThan(ADDED_MEDIAN_MS);
  },
);
