import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { applyLoad, rawPost } from '../../bench/load/client.ts';
import { parseStat, readCpu, spentMs } from '../../bench/load/cpu.ts';
import { ResponseReader } from '../../bench/load/response-reader.ts';
import { Samples, percentile, sayMs, summarize } from '../../bench/load/samples.ts';
import { StreamCounter } from '../../bench/load/stream-counter.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { until } from './raw.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
});
afterAll(() => simulator.close());
beforeEach(() => {
  simulator.reset();
});

function chat(settings: string, stream = false): Buffer {
  const body = { model: 'm', stream, messages: [{ role: 'user', content: 'Tides?' }] };
  return rawPost('/v1/chat/completions', JSON.stringify(body), { 'x-sim': settings });
}

const at = () => ({ host: '127.0.0.1', port: simulator.port });

/** The bytes cut at the given places. */
function cut(bytes: Buffer, places: number[]): Buffer[] {
  const edges = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

test('a closed loop sends what it was told and the simulator saw it', async () => {
  const request = chat('events=3', true);
  const result = await applyLoad({
    ...at(),
    connections: 4,
    arrivals: { kind: 'closed', requests: 200 },
    request: () => request,
    warmUp: 20,
  });
  expect(result).toMatchObject({ sent: 200, statuses: { 200: 200 }, failures: {}, connectionsOpened: 4 });
  // Role, three words, finish, [DONE].
  expect(result.events).toBe(200 * 6);
  expect(result.latencyMs).toHaveLength(180);
  expect(result.firstByteMs).toHaveLength(180);
  const { totals } = simulator.books();
  expect(totals).toMatchObject({ requests: 200, events_sent: 1200, bytes_sent: result.bodyBytes });
});

test('a delay shows in latency and first byte, a paced stream in latency alone', async () => {
  const delayed = chat('delay=50ms');
  const slow = await applyLoad({
    ...at(),
    connections: 2,
    arrivals: { kind: 'closed', requests: 10 },
    request: () => delayed,
  });
  for (const values of [slow.latencyMs, slow.firstByteMs]) {
    const { min, median } = summarize(values);
    expect(min).toBeGreaterThan(49);
    expect(median).toBeLessThan(80);
  }
  const paced = chat('events=10;pace=10ms', true);
  const stream = await applyLoad({
    ...at(),
    connections: 2,
    arrivals: { kind: 'closed', requests: 4 },
    request: () => paced,
  });
  expect(summarize(stream.latencyMs).min).toBeGreaterThan(100);
  expect(summarize(stream.firstByteMs).median).toBeLessThan(40);
});

test('an open loop measures from when a request was due: a slow server cannot hide', async () => {
  const request = chat('delay=50ms');
  const result = await applyLoad({
    ...at(),
    connections: 1,
    arrivals: { kind: 'open', perSecond: 100, requests: 11 },
    request: () => request,
  });
  // Ten come 10 ms apart and are answered 50 ms apart: the last one is due at 100 ms and answered after 550 ms.
  const { min, max } = summarize(result.latencyMs);
  expect(min).toBeLessThan(80);
  expect(max).toBeGreaterThan(440);
  expect(max).toBeLessThan(700);
  expect(summarize(result.lateMs).max).toBeGreaterThan(390);
  expect(result.connectionsOpened).toBe(1);
});

test('an open loop keeps its schedule when there are connections enough', async () => {
  const request = chat('delay=20ms');
  const result = await applyLoad({
    ...at(),
    connections: 50,
    arrivals: { kind: 'open', perSecond: 200, requests: 60 },
    request: () => request,
  });
  expect(result.statuses).toEqual({ 200: 60 });
  expect(result.elapsedMs).toBeGreaterThan(295);
  expect(summarize(result.lateMs).median).toBeLessThan(5);
  expect(result.connectionsOpened).toBeLessThan(30);
});

test('stamped events tell how long each was under way', async () => {
  const request = chat('stamp;events=20;pace=2ms;bytes=200', true);
  const result = await applyLoad({
    ...at(),
    connections: 5,
    arrivals: { kind: 'closed', requests: 25 },
    request: () => request,
    warmUp: 5,
  });
  expect(result.forwardingMs).toHaveLength(20 * 20);
  const { min, median } = summarize(result.forwardingMs);
  expect(min).toBeGreaterThan(-0.5);
  expect(median).toBeLessThan(5);
});

test('what goes wrong is counted by its reason, and the load goes on', async () => {
  const kinds = ['cut_after=1', 'cut_after=1;cut=rst', 'junk=100', 'stall_after=1', 'status=500', 'events=1'];
  const requests = kinds.map((settings) => chat(settings, true));
  const result = await applyLoad({
    ...at(),
    connections: 3,
    timeoutMs: 200,
    arrivals: { kind: 'closed', requests: 30 },
    request: (index) => requests[index % kinds.length]!,
  });
  expect(result.sent).toBe(30);
  expect(result.statuses).toEqual({ 200: 5, 500: 5 });
  expect(result.failures).toMatchObject({ timeout: 5 });
  const lost = Object.entries(result.failures).filter(([reason]) => reason !== 'timeout');
  expect(lost.reduce((sum, [, count]) => sum + count, 0)).toBe(15);
});

test('nobody listening is a failure, not a hang', async () => {
  const gone = await startSimulator({ host: '127.0.0.1', port: 0 });
  await gone.close();
  const request = chat('');
  const result = await applyLoad({
    host: '127.0.0.1',
    port: gone.port,
    connections: 2,
    arrivals: { kind: 'closed', requests: 6 },
    request: () => request,
  });
  expect(result.failures).toEqual({ ECONNREFUSED: 6 });
});

const RESPONSES = Buffer.from(
  [
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\ntrailer: 1\r\n\r\n',
    'HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end',
  ].join(''),
);

test('any split of the bytes reads as the same responses', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 40 }), (places) => {
      const seen: string[] = [];
      let body = '';
      let firsts = 0;
      const reader = new ResponseReader({
        first: () => (firsts += 1),
        body: (bytes) => (body += bytes.toString()),
        end: (status, reusable) => {
          seen.push(`${status} ${body} ${reusable}`);
          body = '';
        },
      });
      for (const piece of cut(RESPONSES, places)) reader.push(Buffer.from(piece));
      expect(reader.close()).toBe(true);
      expect(seen).toEqual([
        '200 hello true',
        '204  true',
        '200 abc0123456789abcdef true',
        '500  true',
        '200 to the end false',
      ]);
      expect(firsts).toBe(5);
    }),
  );
});

test('any split of a stream counts the same events and stamps, with LF or CRLF', () => {
  const stamps = [1_763_890_000_123_456, 1_763_890_000_123_999, 1_763_890_000_200_000];
  for (const end of ['\n', '\r\n']) {
    const text = stamps.map((stamp) => `event: x${end}data: {"t":"@t${stamp};@t12 @@t"}${end}${end}`).join('');
    const bytes = Buffer.from(`: comment${end}${end}${end}${text}data: [DONE]${end}${end}data: unfinished${end}`);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (places) => {
        const found: number[] = [];
        const counter = new StreamCounter((stamp) => found.push(stamp));
        for (const piece of cut(bytes, places)) counter.push(Buffer.from(piece));
        expect(counter.events).toBe(5);
        expect(found).toEqual(stamps);
      }),
    );
  }
});

test('percentiles are nearest ranks', () => {
  const hundred = new Samples();
  for (let i = 100; i >= 1; i -= 1) hundred.add(i);
  expect(summarize(hundred.values())).toEqual({
    count: 100,
    min: 1,
    p25: 25,
    median: 50,
    p75: 75,
    p90: 90,
    p99: 99,
    p999: 100,
    max: 100,
    mean: 50.5,
  });
  expect(percentile(Float64Array.of(7), 0.5)).toBe(7);
  expect(summarize(new Float64Array()).count).toBe(0);
  expect(percentile(new Float64Array(), 0.5)).toBeNaN();
  const many = new Samples();
  for (let i = 0; i < 5000; i += 1) many.add(i);
  expect(many.values()).toHaveLength(5000);
  expect(many.values()[4999]).toBe(4999);
  expect(sayMs(summarize(Float64Array.of(1, 2, 30)))).toBe('p50 2.000 ms, p99 30.0 ms, half within 1.000–30.0 ms, n=3');
});

test('CPU time of a process is read per thread', async () => {
  expect(parseStat('12 (a (b) c) S 1 1 1 0 -1 4 1 2 3 4 150 50 7 8 20 0 11 0 99 1000 256 x')).toEqual({
    name: 'a (b) c',
    userTicks: 150,
    systemTicks: 50,
    rssPages: 256,
  });
  const busy = spawn(process.execPath, [
    '-e',
    'const t=Date.now();while(Date.now()-t<400);console.log(1);setInterval(()=>{},1e3)',
  ]);
  const before = readCpu(busy.pid!);
  await once(busy.stdout, 'data');
  const after = readCpu(busy.pid!);
  busy.kill('SIGKILL');
  // It was busy for 400 ms of the clock; how much of that it got depends on its neighbours.
  expect(spentMs(before, after)).toBeGreaterThan(100);
  expect(spentMs(before, after)).toBeLessThan(2000);
  expect(after.rssBytes).toBeGreaterThan(10_000_000);
  expect(after.threads.length).toBeGreaterThan(1);
  expect(after.threads.some((thread) => (thread.runMs ?? thread.cpuMs) > 100)).toBe(true);
  await once(busy, 'exit');
  await until('the process is gone', () => {
    try {
      readCpu(busy.pid!);
      return false;
    } catch {
      return true;
    }
  });
});
