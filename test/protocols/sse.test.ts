import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SseReader } from '../../src/protocols/sse.ts';
import type { SseEvent } from '../../src/protocols/sse.ts';

function eventsOf(chunks: Iterable<Uint8Array>, limitBytes?: number): SseEvent[] {
  const events: SseEvent[] = [];
  const reader = new SseReader((event) => events.push(event), limitBytes);
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return events;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');
const read = (text: string): SseEvent[] => eventsOf([bytes(text)]);
const unnamed = (data: string): SseEvent => ({ name: '', data });

describe('the standard', () => {
  test.each([
    ['LF', 'data: a\n\ndata: b\n\n'],
    ['CR LF', 'data: a\r\n\r\ndata: b\r\n\r\n'],
    ['lone CR', 'data: a\r\rdata: b\r\r'],
    ['mixed', 'data: a\n\r\ndata: b\r\n\n'],
  ])('lines end with %s', (_name, text) => {
    expect(read(text)).toEqual([unnamed('a'), unnamed('b')]);
  });

  test('one byte order mark at the start is dropped, a later one is not', () => {
    expect(read('\uFEFFdata: a\n\n\uFEFFdata: b\n\n')).toEqual([unnamed('a')]);
  });

  test('a comment is nothing, alone or inside a block', () => {
    expect(read(': ping\n\n:\n\ndata: a\n: inside\ndata: b\n\n')).toEqual([unnamed('a\nb')]);
  });

  test('one space after the colon is dropped, a second is data', () => {
    expect(read('data:a\ndata: b\ndata:  c\ndata\n\n')).toEqual([unnamed('a\nb\n c\n')]);
  });

  test('the name is that of the last event line and does not outlive its block', () => {
    expect(read('event: x\nevent: y\ndata: 1\n\ndata: 2\n\n')).toEqual([{ name: 'y', data: '1' }, unnamed('2')]);
  });

  test('a block without data is not dispatched, and its name is forgotten', () => {
    expect(read('event: lost\n\ndata: 1\n\n')).toEqual([unnamed('1')]);
  });

  test('id, retry and unknown fields are ignored, also names that begin like ours', () => {
    expect(read('id: 7\nretry: 10\ndatas: x\neventual: y\nevents: z\ndat: q\ndata: 1\n\n')).toEqual([unnamed('1')]);
  });

  test('U+2028, U+2029 and U+0085 do not end lines', () => {
    expect(read('data: a\u2028b\u2029c\u0085d\n\n')).toEqual([unnamed('a\u2028b\u2029c\u0085d')]);
  });

  test('the last line and the pending event are flushed at the end of the body', () => {
    expect(read('data: a\n\nevent: e\ndata: b')).toEqual([unnamed('a'), { name: 'e', data: 'b' }]);
    expect(read('data: a\n')).toEqual([unnamed('a')]);
  });

  test('bytes that are no UTF-8 become replacement characters, not errors', () => {
    expect(eventsOf([Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xc3, 0x0a, 0x0a])])).toEqual([
      unnamed('\uFFFD\uFFFD'),
    ]);
  });
});

test('failure mode 17: a character cut at any byte arrives whole', () => {
  const whole = bytes('data: naïve 日本語 𝄞 👩‍👩‍👧‍👦\n\n');
  for (let cut = 0; cut <= whole.length; cut++) {
    expect(eventsOf([whole.subarray(0, cut), whole.subarray(cut)])).toEqual([unnamed('naïve 日本語 𝄞 👩‍👩‍👧‍👦')]);
  }
});

test('failure mode 18: any split of the bytes yields the same events', () => {
  const piece = fc.constantFrom(
    'data: x',
    'data:é日',
    'event: n',
    ': c',
    'id: 1',
    'retry: 5',
    'data',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\r\r',
    '\uFEFF',
    '𝄞',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(300), { maxLength: 12 }), (pieces, cuts) => {
      const whole = bytes(pieces.join(''));
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const chunks = [0, ...at].map((from, i) => whole.subarray(from, at[i] ?? whole.length));
      const expected = eventsOf([whole]);
      expect(eventsOf(chunks)).toEqual(expected);
      expect(eventsOf([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    }),
    { seed: 20261101, numRuns: 400 },
  );
});

test('a pushed buffer may be reused at once', () => {
  const events: SseEvent[] = [];
  const reader = new SseReader((event) => events.push(event));
  const buffer = Buffer.alloc(4);
  for (const part of ['data', ': ab', 'cd\n\n']) {
    buffer.write(part);
    reader.push(buffer);
    buffer.fill(0x21);
  }
  expect(events).toEqual([unnamed('abcd')]);
});

describe('long lines', () => {
  // A machine that stands still while the long one is read does so once.
  test('a line of 32 MiB in 16 KiB chunks is read in linear time', { retry: 2 }, () => {
    const chunk = Buffer.alloc(16 * 1024, 'x');
    const run = (mib: number): number => {
      let length = 0;
      const reader = new SseReader((event) => (length = event.data.length));
      const startMs = performance.now();
      reader.push(bytes('data: '));
      for (let i = 0; i < mib * 64; i++) reader.push(chunk);
      reader.push(bytes('\n\n'));
      expect(length).toBe(mib * 1024 * 1024);
      return performance.now() - startMs;
    };
    run(4);
    const shortMs = run(4);
    const longMs = run(32);
    console.log(`SSE line of 4 MiB: ${shortMs.toFixed(1)} ms, of 32 MiB: ${longMs.toFixed(1)} ms`);
    // Quadratic buffering would be 64 times the short one; linear is 8 times, and a busy machine doubles that.
    expect(longMs).toBeLessThan(Math.max(shortMs, 5) * 32);
  });

  test('beyond its limit the reader gives up, says so, and stays quiet', () => {
    for (const text of [
      'data: 0123456789abcdef\n\ndata: x\n\n',
      'data: 01234\ndata: 56789\ndata: abcde\n\ndata: x\n\n',
    ]) {
      for (const chunks of [[bytes(text)], [...bytes(text)].map((byte) => Uint8Array.of(byte))]) {
        const events: SseEvent[] = [];
        const reader = new SseReader((event) => events.push(event), 16);
        for (const chunk of chunks) reader.push(chunk);
        reader.end();
        expect(events).toEqual([]);
        expect(reader.gaveUp).toBe(true);
      }
    }
  });
});
