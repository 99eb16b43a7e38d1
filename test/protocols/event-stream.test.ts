import { EventStreamCodec } from '@smithy/core/event-streams';
import { fromUtf8, toUtf8 } from '@smithy/core/serde';
import { describe, expect, test } from 'vitest';
import { MOST_FRAME_BYTES, FrameCursor, FrameReader, encodeFrame } from '../../src/protocols/bedrock/event-stream.ts';
import { cutAt, randomCuts, seeded, strides } from './fixtures.ts';

/** AWS's own writer: expected bytes come from it. */
const codec = new EventStreamCodec(toUtf8, fromUtf8);

function frame(type: string, payload: unknown): Buffer {
  return Buffer.from(
    codec.encode({
      headers: { ':event-type': { type: 'string', value: type }, ':message-type': { type: 'string', value: 'event' } },
      body: Buffer.from(JSON.stringify(payload)),
    }),
  );
}

const FRAMES = [
  frame('chunk', { a: 1 }),
  frame('größe', { text: 'Grüße 🚀' }),
  frame('chunk', {}),
  frame('x', 'y'.repeat(3000)),
];
const STREAM = Buffer.concat(FRAMES);
const READ = [
  ['chunk', '{"a":1}'],
  ['größe', '{"text":"Grüße 🚀"}'],
  ['chunk', '{}'],
  ['x', `"${'y'.repeat(3000)}"`],
];

function read(chunks: Iterable<Uint8Array>): { frames: (string | undefined)[][]; broken: boolean; between: boolean } {
  const frames: (string | undefined)[][] = [];
  const reader = new FrameReader(({ headers, payload }) => {
    frames.push([headers.get(':event-type'), payload.toString('utf8')]);
  });
  for (const chunk of chunks) {
    // What was pushed may be overwritten as soon as it was.
    const own = Buffer.from(chunk);
    reader.push(own);
    own.fill(0xff);
  }
  return { frames, broken: reader.broken, between: reader.betweenFrames };
}

test('failure modes 17 and 18: frames are the same whatever the cuts', () => {
  const whole = { frames: READ, broken: false, between: true };
  for (let at = 0; at <= STREAM.length; at++) expect(read(cutAt(STREAM, [at])), `cut at ${at}`).toEqual(whole);
  for (let first = 0; first < 13; first++) expect(read(strides(STREAM, 13, first))).toEqual(whole);
  expect(read(strides(STREAM, 1, 1))).toEqual(whole);
  const random = seeded(20261129);
  for (let run = 0; run < 50; run++) expect(read(randomCuts(STREAM, random))).toEqual(whole);
});

test('a stream that is cut short is read as far as its frames are whole', () => {
  const ends = FRAMES.map((_, i) => FRAMES.slice(0, i + 1).reduce((sum, each) => sum + each.length, 0));
  for (let end = 0; end < STREAM.length; end++) {
    const { frames, broken, between } = read([STREAM.subarray(0, end)]);
    expect(frames).toEqual(READ.slice(0, ends.filter((each) => each <= end).length));
    expect(broken).toBe(false);
    expect(between).toBe(end === 0 || ends.includes(end));
  }
});

describe('bytes that are no frame', () => {
  test('one changed bit, anywhere: what stood before is read, nothing behind it, and nothing is thrown', () => {
    const first = FRAMES[0] ?? Buffer.alloc(0);
    for (let at = 0; at < first.length; at++) {
      const bad = Buffer.concat([...FRAMES.slice(1, 3), first, frame('never', {})]);
      const offset = (FRAMES[1]?.length ?? 0) + (FRAMES[2]?.length ?? 0) + at;
      bad[offset] = (bad[offset] ?? 0) ^ 0x10;
      for (const chunks of [[bad], strides(bad, 7, 3)]) {
        expect(read(chunks), `bit of byte ${at}`).toMatchObject({ frames: READ.slice(1, 3), broken: true });
      }
    }
  });

  test('another protocol, and random bytes', () => {
    expect(read([Buffer.from('data: {"a":1}\n\ndata: [DONE]\n\n')])).toMatchObject({ frames: [], broken: true });
    const random = seeded(7);
    for (let run = 0; run < 300; run++) {
      const bytes = Buffer.from(Array.from({ length: 64 }, () => Math.floor(random() * 256)));
      expect(read([bytes]).frames).toEqual([]);
    }
  });

  test('lengths beyond what AWS sends are refused before they are waited for', () => {
    const long = encodeFrame([], new Uint8Array(0));
    const view = Buffer.from(long);
    view.writeUInt32BE(MOST_FRAME_BYTES + 1, 0);
    expect(read([view])).toMatchObject({ broken: true });
  });
});

test('headers of every type are passed over, strings are read', () => {
  const bytes = codec.encode({
    headers: {
      yes: { type: 'boolean', value: true },
      byte: { type: 'byte', value: 1 },
      short: { type: 'short', value: 2 },
      integer: { type: 'integer', value: 3 },
      binary: { type: 'binary', value: Buffer.from('abc') },
      when: { type: 'timestamp', value: new Date(0) },
      id: { type: 'uuid', value: '01234567-89ab-cdef-0123-456789abcdef' },
      ':event-type': { type: 'string', value: 'last' },
    },
    body: Buffer.from('{}'),
  });
  expect(read([bytes])).toEqual({ frames: [['last', '{}']], broken: false, between: true });
});

test('what we write, AWS reads', () => {
  const headers: [string, string][] = [
    [':message-type', 'exception'],
    [':exception-type', 'größe'],
  ];
  const message = codec.decode(encodeFrame(headers, Buffer.from('{"message":"ü"}')));
  expect(message.headers[':exception-type']).toEqual({ type: 'string', value: 'größe' });
  expect(Buffer.from(message.body).toString()).toBe('{"message":"ü"}');
});

test('the cursor knows at every byte whether a frame is under way', () => {
  const ends = new Set([0]);
  let end = 0;
  for (const each of FRAMES) ends.add((end += each.length));
  const cursor = new FrameCursor();
  expect(cursor.betweenFrames).toBe(true);
  for (let at = 0; at < STREAM.length; at++) {
    cursor.push(STREAM.subarray(at, at + 1));
    expect(cursor.betweenFrames, `behind byte ${at}`).toBe(ends.has(at + 1));
  }
  for (let at = 0; at <= STREAM.length; at++) {
    const other = new FrameCursor();
    for (const chunk of cutAt(STREAM, [at >> 1, at])) other.push(chunk);
    expect(other.betweenFrames).toBe(true);
  }
  const lost = new FrameCursor();
  lost.push(Buffer.from('data: no frame at all\n\n'));
  expect(lost.betweenFrames).toBe(false);
});
