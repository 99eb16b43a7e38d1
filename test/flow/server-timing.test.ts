import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { ADMIN_GRANT, PROVIDER_KEY } from './support.ts';

let house: House;
let simulator: Simulator;
/** How long ago the front thread is told that things came, each time that it asks. */
let waitedMs = 0;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  const config = {
    providers: { openai: { baseurl: simulator.url, apikey: PROVIDER_KEY, models: ['gpt-5-mini'] } },
    grants: [ADMIN_GRANT],
    server: { listen: [{ address: '127.0.0.1:0' }] },
  };
  house = await openHouse(config, () => systemClock.nowMs() - waitedMs);
});
afterAll(async () => {
  await house.close();
  await simulator.close();
});

interface Timed {
  gatewayMs: number;
  upstreamMs: number;
  /** What the client saw until the head was there. */
  headMs: number;
}

async function timed(delayMs: number): Promise<Timed> {
  const sentAtMs = performance.now();
  const answer = await fetch(`${house.urls[0] ?? ''}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': `delay=${delayMs}ms` },
    body: JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }] }),
  });
  const headMs = performance.now() - sentAtMs;
  await answer.text();
  const said = /^gateway;dur=(\d+\.\d{3}), upstream;dur=(\d+\.\d{3})$/.exec(answer.headers.get('server-timing') ?? '');
  return { gatewayMs: Number(said?.[1]), upstreamMs: Number(said?.[2]), headMs };
}

async function overhead(): Promise<{ count: number; sumMs: number }> {
  const text = await house.metrics();
  const value = (part: string): number =>
    Number(new RegExp(`^aperture_overhead_seconds_${part} (\\S+)$`, 'm').exec(text)?.[1]);
  return { count: value('count'), sumMs: value('sum') * 1000 };
}

test("server-timing tells the provider's time from the gateway's, and both are within what the client saw", async () => {
  const { gatewayMs, upstreamMs, headMs } = await timed(80);
  expect(upstreamMs).toBeGreaterThan(79);
  expect(gatewayMs).toBeGreaterThan(0);
  expect(gatewayMs + upstreamMs).toBeLessThan(headMs);
});

test('what came before the front thread looked at it, a request or an answer, waited for the gateway', async () => {
  waitedMs = 30;
  const { gatewayMs, upstreamMs, headMs } = await timed(200);
  waitedMs = 0;
  expect(gatewayMs).toBeGreaterThan(60);
  // The first of the two ended before our clock was read, and began before it: it is no part of what this client saw.
  expect(upstreamMs).toBeLessThan(headMs - 30);
  expect(upstreamMs).toBeGreaterThan(169);
});

test('the overhead metric is the sum of what server-timing said of the gateway', async () => {
  const before = await overhead();
  const said: number[] = [];
  for (let i = 0; i < 5; i++) said.push((await timed(1)).gatewayMs);
  const after = await overhead();
  expect(after.count - before.count).toBe(5);
  // The header has microseconds.
  expect(after.sumMs - before.sumMs).toBeCloseTo(
    said.reduce((sum, ms) => sum + ms, 0),
    2,
  );
});
