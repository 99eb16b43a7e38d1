import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import {
  decodeSegmentHead,
  encodeSegmentHead,
  FRAME_HEADER_BYTES,
  kindCode,
  scanWindow,
  segmentName,
  segmentNumber,
  writeFrameHeader,
} from '../../src/journal/segment.ts';
import type { FrameKind, Scanned } from '../../src/journal/segment.ts';
import { uuidBytes } from '../../src/lib/uuid7.ts';

interface Frame {
  kind: FrameKind;
  exchange: ExchangeId;
  sequence: number;
  payload: Buffer;
}

function uuid(n: number): ExchangeId {
  const id = parseExchangeId(`01998000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`);
  if (id === undefined) throw new Error('no id');
  return id;
}

function frameBytes(marker: Buffer, frame: Frame): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  writeFrameHeader(
    header,
    0,
    marker,
    kindCode(frame.kind),
    uuidBytes(frame.exchange),
    frame.sequence,
    frame.payload.length,
    crc32(frame.payload),
  );
  return Buffer.concat([header, frame.payload]);
}

/** Reads a file the way a reader does that gets `portion` more bytes at a time. */
function scanAll(file: Buffer, marker: Buffer, portion = file.length): Scanned[] {
  const found: Scanned[] = [];
  let from = 0;
  let to = Math.min(portion, file.length);
  for (;;) {
    const scan = scanWindow(file.subarray(from, to), from, marker, to === file.length);
    let step = scan.next();
    for (; step.done !== true; step = scan.next()) found.push(step.value);
    from += step.value;
    if (to === file.length) return found;
    to = Math.min(to + portion, file.length);
  }
}

const framesIn = (found: Scanned[]): Frame[] =>
  found.flatMap((one) =>
    one.what === 'frame'
      ? [
          {
            kind: one.header.kind,
            exchange: one.header.exchange,
            sequence: one.header.sequence,
            payload: Buffer.from(one.payload),
          },
        ]
      : [],
  );

const frame = fc.record({
  kind: fc.constantFrom<FrameKind>('opened', 'request', 'head', 'response', 'closed'),
  exchange: fc.nat(0xffffff).map(uuid),
  sequence: fc.nat(0xffffffff),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const markerOf = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes));

describe('frames', () => {
  test('what was written is read, in any portions', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 12 }),
        markerOf,
        fc.integer({ min: 1, max: 400 }),
        (frames, marker, n) => {
          const file = Buffer.concat(frames.map((one) => frameBytes(marker, one)));
          expect(framesIn(scanAll(file, marker, n))).toEqual(frames);
        },
      ),
    );
  });

  test('a file that was cut anywhere yields exactly the frames before the cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), markerOf, fc.nat(), (frames, marker, at) => {
        const parts = frames.map((one) => frameBytes(marker, one));
        const whole = Buffer.concat(parts);
        const cut = at % (whole.length + 1);
        const before: Frame[] = [];
        let end = 0;
        parts.forEach((part, i) => {
          end += part.length;
          if (end <= cut) before.push(frames[i]!);
        });
        expect(framesIn(scanAll(whole.subarray(0, cut), marker))).toEqual(before);
      }),
    );
  });

  test('a damaged byte costs the one frame it stands in, and nothing is invented', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { minLength: 1, maxLength: 12 }),
        markerOf,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 50, max: 400 }),
        (frames, marker, at, change, portion) => {
          const parts = frames.map((one) => frameBytes(marker, one));
          const file = Buffer.concat(parts);
          const hit = at % file.length;
          file[hit]! ^= change;
          let start = 0;
          const sound = frames.filter((_, i) => {
            const end = start + parts[i]!.length;
            const spared = hit < start || hit >= end;
            start = end;
            return spared;
          });
          expect(framesIn(scanAll(file, marker, portion))).toEqual(sound);
        },
      ),
    );
  });

  test('a hole of zeros in the middle is passed over', () => {
    const marker = randomBytes(8);
    const one = { kind: 'response', exchange: uuid(1), sequence: 0, payload: Buffer.from('one') } as const;
    const two = { kind: 'response', exchange: uuid(2), sequence: 0, payload: Buffer.from('two') } as const;
    const file = Buffer.concat([frameBytes(marker, one), Buffer.alloc(100_000), frameBytes(marker, two)]);
    const found = scanAll(file, marker, 5000);
    expect(framesIn(found)).toEqual([one, two]);
    const skipped = found.reduce((sum, each) => sum + (each.what === 'skipped' ? each.bytes : 0), 0);
    expect(skipped).toBe(100_000);
  });

  test('a body that holds the bytes of another file’s frames is not taken for frames, also when it is torn', () => {
    const mine = randomBytes(8);
    const theirs = randomBytes(8);
    const forged = frameBytes(theirs, {
      kind: 'closed',
      exchange: uuid(7),
      sequence: 0,
      payload: Buffer.from('{"state":"complete"}'),
    });
    const body = {
      kind: 'response',
      exchange: uuid(1),
      sequence: 0,
      payload: Buffer.concat([forged, forged]),
    } as const;
    const file = frameBytes(mine, body);
    file[FRAME_HEADER_BYTES - 1]! ^= 1; // the frame's own header is damaged, so a reader looks for the next
    expect(framesIn(scanAll(file, mine))).toEqual([]);
  });

  test('a frame of a later format is passed over and told', () => {
    const marker = randomBytes(8);
    const known = { kind: 'response', exchange: uuid(1), sequence: 1, payload: Buffer.from('x') } as const;
    const later = frameBytes(marker, { ...known, sequence: 0 });
    later.writeUInt8(99, 9);
    later.writeUInt32LE(crc32(later.subarray(0, 40)), 40);
    const found = scanAll(Buffer.concat([later, frameBytes(marker, known)]), marker);
    expect(found.map((one) => one.what)).toEqual(['unknown_frame', 'frame']);
  });
});

describe('the head of a segment', () => {
  const head = { gateway: 'gw-é', segment: 42, marker: randomBytes(8) };

  test('says whose it is', () => {
    expect(decodeSegmentHead(encodeSegmentHead(head))).toEqual(head);
  });

  test('is still read when its first page is lost', () => {
    const bytes = encodeSegmentHead(head);
    bytes.fill(0xaa, 0, 4096);
    expect(decodeSegmentHead(bytes)).toEqual(head);
  });

  test('is not read when both copies are damaged', () => {
    const bytes = encodeSegmentHead(head);
    bytes[10]! ^= 1;
    bytes[4096 + 10]! ^= 1;
    expect(decodeSegmentHead(bytes)).toBeUndefined();
  });
});

test('only our own file names are segments', () => {
  expect(segmentNumber(segmentName(17))).toBe(17);
  for (const name of ['journal-1.seg.bad', 'journal-.seg', 'xjournal-1.seg', 'journal-1.seg~', 'lock-a-1-2']) {
    expect(segmentNumber(name)).toBeUndefined();
  }
});
