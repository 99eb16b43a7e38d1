import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createDecoder, decodeWhole } from '../../src/protocols/decode.ts';

const LIMIT = 64 * 1024 * 1024;

/** The text that `samples/blocks.txt.zst` holds: compressed by the reference program, level 19, with a checksum. */
const blocksText = Array.from({ length: 60_000 }, (_, i) => `${i % 1000} ${'ab'.repeat(i % 7)}\n`).join('');
const blocksZstd = readFileSync(new URL('samples/blocks.txt.zst', import.meta.url));

const plain = Buffer.from('data: {"x":"naïve 日本語"}\n\n'.repeat(50), 'utf8');

/** One zstd frame without checksum that holds `bytes` in raw blocks of `blockBytes`, under the given window descriptor. */
function rawFrame(bytes: Uint8Array, blockBytes = 1000, windowDescriptor = 0): Buffer {
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, windowDescriptor])];
  for (let at = 0; at === 0 || at < bytes.length; at += blockBytes) {
    const block = bytes.subarray(at, at + blockBytes);
    const last = at + blockBytes >= bytes.length ? 1 : 0;
    const word = (block.length << 3) | last;
    parts.push(Buffer.from([word & 0xff, (word >> 8) & 0xff, word >> 16]), Buffer.from(block));
  }
  return Buffer.concat(parts);
}

const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

const encodings: [string, Buffer, Buffer][] = [
  ['identity', plain, plain],
  ['', plain, plain],
  ['gzip', zlib.gzipSync(plain), plain],
  ['X-GZIP', zlib.gzipSync(plain), plain],
  ['deflate', zlib.deflateSync(plain), plain],
  ['deflate', zlib.deflateRawSync(plain), plain],
  ['br', zlib.brotliCompressSync(plain), plain],
  ['zstd', rawFrame(plain), plain],
  ['zstd', Buffer.concat([rawFrame(plain.subarray(0, 70), 7), skippable, rawFrame(plain.subarray(70))]), plain],
  ['gzip, br', zlib.brotliCompressSync(zlib.gzipSync(plain)), plain],
  ['zstd,identity, gzip', zlib.gzipSync(rawFrame(plain)), plain],
];

async function decode(
  encoding: string | undefined,
  chunks: Iterable<Uint8Array>,
  limitBytes = LIMIT,
): Promise<{ bytes: Buffer; outcome: unknown }> {
  const out: Buffer[] = [];
  const made = createDecoder(encoding, { limitBytes, onBytes: (bytes) => out.push(Buffer.from(bytes)) });
  if (!made.ok) return { bytes: Buffer.alloc(0), outcome: made };
  for (const chunk of chunks) void made.value.push(chunk);
  const outcome = await made.value.end();
  return { bytes: Buffer.concat(out), outcome };
}

async function writtenAndFlushed(
  compressor: zlib.Gzip | zlib.BrotliCompress,
  kind: number,
  text: string,
): Promise<Uint8Array> {
  compressor.write(text);
  await new Promise<void>((done) => {
    compressor.flush(kind, done);
  });
  const out: unknown = compressor.read();
  return out instanceof Uint8Array ? out : Buffer.alloc(0);
}

const singles = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

describe('failure mode 30: every content-encoding is read, in any chunking', () => {
  test.each(encodings)('%s', async (encoding, encoded, expected) => {
    for (const chunks of [[encoded], singles(encoded), [encoded.subarray(0, 5), encoded.subarray(5)]]) {
      const { bytes, outcome } = await decode(encoding, chunks);
      expect(outcome).toEqual({ ok: true, value: { bytes: expected.length } });
      expect(bytes.equals(expected)).toBe(true);
    }
    const whole = await decodeWhole(encoding, encoded, LIMIT);
    expect(whole.ok && Buffer.from(whole.value).equals(expected)).toBe(true);
  });

  test('zstd of the reference program: several blocks, a checksum', async () => {
    for (let size = 1; size < 40_000; size = size * 3 + 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < blocksZstd.length; at += size) chunks.push(blocksZstd.subarray(at, at + size));
      const { bytes } = await decode('zstd', chunks);
      expect(bytes.toString() === blocksText).toBe(true);
    }
    const whole = await decodeWhole('zstd', blocksZstd, LIMIT);
    expect(whole.ok && Buffer.from(whole.value).toString() === blocksText).toBe(true);
  });

  test('no header and an empty body are plain', async () => {
    expect((await decode(undefined, [plain])).bytes.equals(plain)).toBe(true);
    for (const encoding of ['gzip', 'deflate', 'br', 'zstd']) {
      expect((await decode(encoding, [])).outcome).toEqual({ ok: true, value: { bytes: 0 } });
      expect(await decodeWhole(encoding, Buffer.alloc(0), LIMIT)).toMatchObject({ ok: true });
    }
  });
});

describe('flush', () => {
  const gzip = zlib.createGzip();
  const brotli = zlib.createBrotliCompress();
  const flushed: [string, (text: string) => Promise<Uint8Array>][] = [
    ['gzip', (text) => writtenAndFlushed(gzip, zlib.constants.Z_SYNC_FLUSH, text)],
    ['br', (text) => writtenAndFlushed(brotli, zlib.constants.BROTLI_OPERATION_FLUSH, text)],
  ];

  test.each(flushed)(
    'an event inside a %s block is delivered before the next one is sent',
    async (encoding, compress) => {
      const delivered: string[] = [];
      const onBytes = (bytes: Uint8Array): unknown => delivered.push(Buffer.from(bytes).toString());
      const made = createDecoder(encoding, { limitBytes: LIMIT, onBytes });
      if (!made.ok) throw new Error('not made');
      for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
        await made.value.push(await compress(event));
        expect(delivered.join('').endsWith(event)).toBe(true);
      }
    },
  );

  test('identity is delivered before push returns', () => {
    let seen = 0;
    const made = createDecoder('identity', { limitBytes: LIMIT, onBytes: (bytes) => (seen += bytes.length) });
    expect(made.ok && made.value.push(plain)).toBe(undefined);
    expect(seen).toBe(plain.length);
  });
});

describe('what is not right', () => {
  test.each(['compress', 'gzip, foo', 'gzip,gzip,gzip,gzip'])('%s is not supported', async (encoding) => {
    const fault = { ok: false, fault: { code: 'body_encoding_unsupported', encoding } };
    expect((await decode(encoding, [plain])).outcome).toEqual(fault);
    expect(await decodeWhole(encoding, plain, LIMIT)).toEqual(fault);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd'])('rubbish is not valid %s', async (encoding) => {
    const rubbish = Buffer.from('this is no compressed body at all, not in any way');
    const fault = { ok: false, fault: { code: 'body_encoding_invalid', encoding } };
    expect((await decode(encoding, singles(rubbish))).outcome).toEqual(fault);
    expect(await decodeWhole(encoding, rubbish, LIMIT)).toEqual(fault);
  });

  test.each(encodings.slice(2))(
    '%s cut short: what arrived is delivered; a whole body is refused',
    async (encoding, encoded) => {
      const cut = encoded.subarray(0, encoded.length - 1);
      const { bytes, outcome } = await decode(encoding, [cut]);
      expect(outcome).toMatchObject({ ok: true });
      expect(plain.subarray(0, bytes.length).equals(bytes)).toBe(true);
      expect(await decodeWhole(encoding, cut, LIMIT)).toMatchObject({
        ok: false,
        fault: { code: 'body_encoding_invalid' },
      });
    },
  );

  test('bytes after the end of a stream are ignored and block nothing', async () => {
    const { bytes } = await decode('deflate', [zlib.deflateSync(plain), Buffer.from('more'), Buffer.from('and more')]);
    expect(bytes.equals(plain)).toBe(true);
    const gzipped = await decode('gzip', [zlib.gzipSync(plain), Buffer.alloc(8), Buffer.from('rubbish'), plain]);
    expect(gzipped.bytes.equals(plain)).toBe(true);
  });
});

describe('bombs', () => {
  const zeros = Buffer.alloc(32 * 1024 * 1024);
  const limitBytes = 1024 * 1024;
  const bombs: [string, Buffer][] = [
    ['gzip', zlib.gzipSync(zeros)],
    ['deflate', zlib.deflateSync(zeros)],
    ['br', zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })],
    ['gzip, gzip', zlib.gzipSync(zlib.gzipSync(zeros))],
    // One frame of blocks that each repeat a byte 128 Ki times.
    [
      'zstd',
      Buffer.concat([
        Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]),
        ...Array.from({ length: 256 }, (_, i) => {
          const word = ((128 * 1024) << 3) | (1 << 1) | (i === 255 ? 1 : 0);
          return Buffer.from([word & 0xff, (word >> 8) & 0xff, word >> 16, 0]);
        }),
      ]),
    ],
  ];

  test.each(bombs)('%s stops at the limit', async (encoding, bomb) => {
    const { bytes, outcome } = await decode(encoding, [bomb], limitBytes);
    expect(outcome).toEqual({ ok: false, fault: { code: 'body_too_large', limitBytes, decoded: true } });
    expect(bytes.length).toBeLessThanOrEqual(limitBytes);
    expect(await decodeWhole(encoding, bomb, limitBytes)).toEqual({
      ok: false,
      fault: { code: 'body_too_large', limitBytes, decoded: true },
    });
    expect(await decodeWhole(encoding, bomb, zeros.length)).toMatchObject({ ok: true });
  });

  test('a stream of few bytes unpacks to a bounded part of what the limit allows; a large one to all of it', async () => {
    const events = Buffer.alloc(128 * 1024 * 1024, 'data: {"x":1}\n\n');
    const hostile = zlib.brotliCompressSync(events, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } });
    const { bytes, outcome } = await decode('br', [hostile], events.length);
    expect(hostile.length).toBeLessThan(1000);
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'body_too_large', decoded: true } });
    expect(bytes.length).toBeLessThan(18 * 1024 * 1024);
    // gzip's best, which is what no honest server exceeds.
    const gz = await decode('gzip', [zlib.gzipSync(events, { level: 9 })], events.length);
    expect(gz.outcome).toEqual({ ok: true, value: { bytes: events.length } });
  });

  test('a zstd frame with a window above 8 MiB is refused before it is allocated', async () => {
    // 0x70: 16 MiB. The second frame is judged as well as the first.
    for (const body of [rawFrame(plain, 1000, 0x70), Buffer.concat([rawFrame(plain), rawFrame(plain, 1000, 0xff)])]) {
      expect(await decodeWhole('zstd', body, LIMIT)).toMatchObject({
        ok: false,
        fault: { code: 'body_encoding_invalid' },
      });
      expect((await decode('zstd', [body])).outcome).toMatchObject({ ok: false });
    }
    // A single segment's window is its content size: here 2^40.
    const single = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
    expect(await decodeWhole('zstd', single, LIMIT)).toMatchObject({ ok: false });
  });

  test('many tiny zstd blocks under a large window are refused before they cost hours', async () => {
    // Of the processor: others may want it too.
    const before = process.cpuUsage();
    const body = rawFrame(Buffer.alloc(200_000, 'x'), 1, 0x68);
    let longestMs = 0;
    let turnMs = performance.now();
    const watch = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - turnMs);
      turnMs = performance.now();
    }, 1);
    expect(await decodeWhole('zstd', body, LIMIT)).toMatchObject({
      ok: false,
      fault: { code: 'body_encoding_invalid' },
    });
    const { user, system } = process.cpuUsage(before);
    const tookMs = (user + system) / 1_000;
    clearInterval(watch);
    console.log(`tiny blocks refused after ${tookMs.toFixed(0)} ms, longest turn ${longestMs.toFixed(0)} ms`);
    expect(tookMs).toBeLessThan(20_000);
  });

  test('pushes after the fault do nothing', async () => {
    const gz = zlib.gzipSync(zeros);
    const { outcome } = await decode('gzip', [gz, gz, gz, plain], limitBytes);
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'body_too_large' } });
  });
});
