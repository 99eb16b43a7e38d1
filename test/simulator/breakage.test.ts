import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { bodyOf, chat, dechunk, eventsOf, hear, post, until } from './raw.ts';
import { slowness, stopwatch } from '../support/machine.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  expect(simulator.books().totals.bugs).toBe(0);
  await simulator.close();
});

/** Role, five words, finish, [DONE]. */
const FIVE = 'events=5';
const FIVE_EVENTS = 8;

test('a sound stream is chunked, whole and kept alive', async () => {
  const heard = await hear(simulator.port, chat(FIVE), 2000, (soFar) => soFar.includes('\r\n0\r\n\r\n'));
  expect(heard.bytes.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/event-stream/);
  expect(dechunk(bodyOf(heard)).ended).toBe(true);
  expect(eventsOf(heard)).toHaveLength(FIVE_EVENTS);
});

test('a cut after k events: those arrive, then FIN without a last chunk', async () => {
  const heard = await hear(simulator.port, chat(`${FIVE};cut_after=3`));
  expect(heard.end).toBe('fin');
  expect(dechunk(bodyOf(heard)).ended).toBe(false);
  expect(eventsOf(heard)).toHaveLength(3);
});

test('a cut by RST, after k events and before the first', async () => {
  const some = await hear(simulator.port, chat(`${FIVE};cut_after=3;cut=rst`));
  expect(some.end).toBe('rst');
  expect(eventsOf(some)).toHaveLength(3);
  const none = await hear(simulator.port, chat(`${FIVE};cut_after=0;cut=rst`));
  expect(none.end).toBe('rst');
  expect(none.bytes.toString()).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(eventsOf(none)).toHaveLength(0);
});

test('a cut at byte n of the body, streamed or not', async () => {
  const stream = await hear(simulator.port, chat(`${FIVE};cut_at=100`));
  expect(stream.end).toBe('fin');
  expect(dechunk(bodyOf(stream)).bytes).toHaveLength(100);
  const whole = await hear(simulator.port, chat('cut_at=20', false));
  expect(whole.end).toBe('fin');
  expect(bodyOf(whole)).toHaveLength(20);
  const promised = /content-length: (\d+)/.exec(whole.bytes.toString())?.[1];
  expect(Number(promised)).toBeGreaterThan(20);
  const reset = await hear(simulator.port, chat('cut_at=0;cut=rst', false));
  expect(reset.end).toBe('rst');
  expect(bodyOf(reset)).toHaveLength(0);
});

test('a cut before the head: not one byte', async () => {
  for (const [cut, end] of [
    ['fin', 'fin'],
    ['rst', 'rst'],
  ]) {
    const heard = await hear(simulator.port, chat(`cut_at=head;cut=${cut ?? ''}`));
    expect(heard.end).toBe(end);
    expect(heard.bytes).toHaveLength(0);
  }
});

test('a stall after k events keeps the connection open and silent', async () => {
  const heard = await hear(simulator.port, chat(`${FIVE};stall_after=2`), 300);
  expect(heard.end).toBe('open');
  expect(eventsOf(heard)).toHaveLength(2);
});

test('failure mode 16: heartbeats of a silent stream leave at once', async () => {
  const heard = await hear(simulator.port, chat('first_event=200ms;heartbeat=20ms;events=1'), 3000, (soFar) =>
    soFar.includes('[DONE]'),
  );
  const beats = eventsOf(heard).filter((event) => event === ': keep-alive');
  expect(beats.length).toBeGreaterThanOrEqual(5);
  expect(beats.length).toBeLessThanOrEqual(10);
});

test('failure mode 28: heartbeats after the finish that never end, and a missing terminator', async () => {
  const beating = await hear(simulator.port, chat(`${FIVE};stall_after=finish;heartbeat=10ms`), 300);
  expect(beating.end).toBe('open');
  const events = eventsOf(beating);
  expect(events.findIndex((event) => event.includes('"finish_reason":"stop"'))).toBe(6);
  expect(events.slice(7).every((event) => event === ': keep-alive')).toBe(true);
  expect(events.length).toBeGreaterThan(10);
  const bare = await hear(simulator.port, chat(`${FIVE};unterminated;close`));
  expect(dechunk(bodyOf(bare)).ended).toBe(true);
  expect(bare.bytes.includes('[DONE]')).toBe(false);
  expect(eventsOf(bare)).toHaveLength(FIVE_EVENTS - 1);
});

test('failure mode 21: an error after k events, then a proper end', async () => {
  const heard = await hear(simulator.port, chat(`${FIVE};error_after=2;close`));
  const events = eventsOf(heard);
  expect(events).toHaveLength(3);
  expect(JSON.parse(events[2]!.replace('data: ', ''))).toMatchObject({ error: { type: 'server_error' } });
  expect(dechunk(bodyOf(heard)).ended).toBe(true);
});

test('failure mode 26: an idle connection is closed without a word, after the answer', async () => {
  const fin = await hear(simulator.port, chat('idle_close=30ms', false));
  expect(fin.bytes.toString()).toContain('onnection: keep-alive');
  expect(fin.bytes.toString().endsWith('}')).toBe(true);
  expect(fin.end).toBe('fin');
  expect((await hear(simulator.port, chat('idle_close=30ms;cut=rst', false))).end).toBe('rst');
});

test('a provider that closes idle connections by itself', async () => {
  const hasty = await startSimulator({ host: '127.0.0.1', port: 0, idleMs: 50 });
  expect((await hear(hasty.port, chat('', false))).end).toBe('fin');
  await hasty.close();
});

test('rubbish instead of HTTP, and in the middle of a stream', async () => {
  const junk = await hear(simulator.port, chat('junk=500'));
  expect(junk.bytes).toHaveLength(500);
  expect(junk.bytes.subarray(0, 4).toString()).not.toBe('HTTP');
  const later = await hear(simulator.port, chat(`${FIVE};junk_after=2`));
  expect(dechunk(bodyOf(later)).ended).toBe(false);
  expect(eventsOf(later)).toHaveLength(2);
  expect(later.bytes.includes('not http')).toBe(true);
});

test('a content-length that is too long or too short', async () => {
  for (const wrong of [5, -5]) {
    const heard = await hear(simulator.port, chat(`content_length=${wrong > 0 ? '+' : ''}${wrong}`, false));
    const promised = Number(/content-length: (\d+)/.exec(heard.bytes.toString())?.[1]);
    expect(promised - bodyOf(heard).length).toBe(wrong);
    expect(heard.end).toBe('fin');
  }
});

test('broken JSON, unary and in a stream, and an HTML page', async () => {
  const whole = await hear(simulator.port, chat('bad_json;close', false));
  expect(() => JSON.parse(bodyOf(whole).toString()) as unknown).toThrow();
  const events = eventsOf(await hear(simulator.port, chat(`${FIVE};bad_json;close`)));
  expect(events).toHaveLength(FIVE_EVENTS);
  expect(() => JSON.parse(events[1]!.replace('data: ', '')) as unknown).toThrow();
  expect(() => JSON.parse(events[2]!.replace('data: ', '')) as unknown).not.toThrow();
  const page = await hear(simulator.port, chat('html;close'));
  expect(page.bytes.toString()).toMatch(/^HTTP\/1\.1 502 .*content-type: text\/html.*<html>/s);
});

test('a slow head dribbles in', async () => {
  const startedAt = performance.now();
  const heard = await hear(simulator.port, chat(`${FIVE};slow_head=150ms`));
  const headDone = heard.reads.find((_, i) =>
    Buffer.concat(heard.reads.slice(0, i + 1).map((read) => read.bytes)).includes('\r\n\r\n'),
  );
  expect(headDone!.atMs - startedAt).toBeGreaterThan(120);
  expect(heard.reads.length).toBeGreaterThan(20);
  expect(eventsOf(heard)).toHaveLength(FIVE_EVENTS);
  expect(dechunk(bodyOf(heard)).ended).toBe(true);
});

test('a delay before the head, one after it, and a pace that does not add up lateness', async () => {
  const startedAt = performance.now();
  const heard = await hear(simulator.port, chat('delay=60ms;first_event=60ms;pace=10ms;events=20'), 3000, (soFar) =>
    soFar.includes('[DONE]'),
  );
  const head = heard.reads[0]!;
  expect(head.atMs - startedAt).toBeGreaterThan(55);
  expect(head.bytes.includes('data:')).toBe(false);
  expect(heard.reads[1]!.atMs - head.atMs).toBeGreaterThan(50);
  // 22 events before the terminator, 10 ms apart.
  const span = heard.reads.at(-1)!.atMs - heard.reads[1]!.atMs;
  expect(span).toBeGreaterThan(180);
  expect(span).toBeLessThan(400);
});

test('pieces end where they were asked to end, streamed or not', async () => {
  const split = await hear(simulator.port, chat(`${FIVE};split=1,7,100,101;close`));
  const { sizes } = dechunk(bodyOf(split));
  expect(sizes.slice(0, 4)).toEqual([1, 6, 93, 1]);
  const bytewise = await hear(simulator.port, chat(`${FIVE};chunk=1;close`));
  expect(dechunk(bodyOf(bytewise)).sizes.every((size) => size === 1)).toBe(true);
  const plain = await hear(simulator.port, chat(`${FIVE};seed=x;close`));
  const chunked = await hear(simulator.port, chat(`${FIVE};seed=x;close`));
  expect(dechunk(bodyOf(chunked)).bytes.equals(dechunk(bodyOf(plain)).bytes)).toBe(true);
  const whole = await hear(simulator.port, chat('split=10,20;gap=30ms;close', false));
  const ends = whole.reads.slice(0, 3).map((read) => read.bytes.length);
  expect(ends).toHaveLength(3);
  expect(whole.reads.at(-1)!.atMs - whole.reads[0]!.atMs).toBeGreaterThan(50);
});

test('encoded answers decode to the plain ones, event by event', async () => {
  const plain = dechunk(bodyOf(await hear(simulator.port, chat(`${FIVE};text=one%20two%20three;close`)))).bytes;
  // Ids come from the settings as well; the lengths of all events do not.
  const encodings = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync };
  for (const [encoding, decode] of Object.entries(encodings)) {
    const heard = await hear(simulator.port, chat(`${FIVE};text=one%20two%20three;close;encoding=${encoding}`));
    expect(heard.bytes.toString('latin1')).toContain(`content-encoding: ${encoding}`);
    const { bytes, sizes } = dechunk(bodyOf(heard));
    expect(decode(bytes).toString()).toContain('"content":"ree"');
    expect(decode(bytes).toString().split('\n\n')).toHaveLength(plain.toString().split('\n\n').length);
    expect(sizes.length).toBeGreaterThanOrEqual(FIVE_EVENTS);
    const whole = await hear(simulator.port, chat(`encoding=${encoding};close`, false));
    expect(JSON.parse(decode(bodyOf(whole)).toString())).toMatchObject({ object: 'chat.completion' });
  }
});

test('a slow reader holds the simulator back; it does not pile up the stream in memory', async () => {
  simulator.reset();
  const socket = connect({ port: simulator.port, host: '127.0.0.1' });
  socket.write(chat('events=200000;bytes=500;tag=slow'));
  socket.once('data', () => socket.pause());
  const entry = () => simulator.books(0, 'slow').entries[0];
  const sent = async (): Promise<number> => {
    let last = -1;
    return until('the stream stands still', () => {
      const now = entry()?.bytes_sent ?? 0;
      const still = now > 0 && now === last;
      last = now;
      return still ? now : false;
    });
  };
  const stoodAt = await sent();
  // The kernel's buffers on both sides, a few MiB, of more than 100 MB.
  expect(stoodAt).toBeLessThan(20_000_000);
  socket.destroy();
  await until('the client is seen leaving', () => entry()?.ending === 'client_left');
});

test('failure mode 9: the books say when a client left', async () => {
  simulator.reset();
  const heard = await hear(
    simulator.port,
    chat('events=1000;pace=5ms;tag=leaver'),
    2000,
    (soFar) => soFar.toString().split('\n\n').length > 5,
  );
  const watch = stopwatch();
  const entry = await until('the client is seen leaving', () =>
    simulator.books(0, 'leaver').entries.find((one) => one.ending === 'client_left'),
  );
  expect(watch.ms()).toBeLessThan(100 * slowness());
  watch.stop();
  expect(entry.events_sent).toBeGreaterThanOrEqual(5);
  expect(entry.events_sent).toBeLessThan(1000);
  expect(heard.end).toBe('open');
});

test('bad requests get an answer in their dialect', async () => {
  const status = (bytes: Buffer): string => bytes.subarray(9, 12).toString();
  const broken = post('/v1/messages', 'not an object', { connection: 'close' });
  const heard = await hear(simulator.port, broken);
  expect(status(heard.bytes)).toBe('400');
  expect(bodyOf(heard).toString()).toContain('"type":"error"');
  const nowhere = await hear(simulator.port, post('/v2/what', {}, { connection: 'close' }));
  expect(status(nowhere.bytes)).toBe('404');
  const coded = await hear(
    simulator.port,
    post('/v1/chat/completions', {}, { 'content-encoding': 'odd', connection: 'close' }),
  );
  expect(status(coded.bytes)).toBe('400');
});

test('held streams begin when they are let go, all at once, and not before', async () => {
  const held = [1, 2].map((number) => hear(simulator.port, chat(`${FIVE};hold;tag=held-${number}`), 5000, isWhole));
  await until(
    'both are held',
    () => simulator.books().entries.filter(({ tag }) => tag?.startsWith('held-')).length === 2,
  );
  simulator.release();
  for (const heard of await Promise.all(held)) {
    expect(eventsOf(heard)).toHaveLength(FIVE_EVENTS);
  }
});

test('a client that leaves while it is held is noticed', async () => {
  await hear(simulator.port, chat(`${FIVE};hold;tag=left`), 100);
  await until('it is noticed', () => simulator.books(0, 'left').entries[0]?.ending === 'client_left');
});

function isWhole(soFar: Buffer): boolean {
  return soFar.includes('\r\n0\r\n\r\n');
}
