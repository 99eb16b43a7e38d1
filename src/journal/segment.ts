import { crc32 } from 'node:zlib';
import type { Closed, Opened } from '../contract/exchange.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import { assert } from '../lib/result.ts';
import { uuidAt } from '../lib/uuid7.ts';

/*
 * A segment is a file of frames:
 *
 *   file    = head (FILE_HEAD_BYTES, twice over) frame*
 *   frame   = header (FRAME_HEADER_BYTES) payload
 *   header  = marker u64 | version u8 | kind u8 | flags u16 | payload length u32 | exchange id, 16 bytes
 *             | sequence u32 | CRC-32 of the payload u32 | CRC-32 of the 40 bytes before u32       (little endian)
 *
 * A header vouches for itself and says where the next one stands, so one bad payload costs one frame. Where a header is
 * bad, a reader looks for the next marker. The marker is random and differs from file to file: bytes of a client or a
 * provider that look like frames cannot be taken for ours, also when the frame around them was torn.
 *
 * Every frame of an exchange counts up its sequence, also one that was dropped: a hole in the numbers is a loss. What it was
 * charged is no part of that: it comes after the end, or never, and nobody who reads an exchange waits for it.
 */

export interface ResponseHeadNote {
  status: number;
  /** Lower-case name and value, as the provider sent them, secrets redacted. */
  headers: [string, string][];
}

/** What a frame of each kind carries: bytes as they are, all else as JSON. */
export interface Payloads {
  opened: Opened;
  /** Request body as forwarded. */
  request: Uint8Array;
  head: ResponseHeadNote;
  /** Response body as the provider sent it. */
  response: Uint8Array;
  closed: Closed;
  /** Written when the exchange's record is first made. */
  charged: Charged;
}
export type FrameKind = keyof Payloads;

/** Code on disk = place in this list + 1: append only. 5 is not used. */
const KINDS: readonly (FrameKind | undefined)[] = [
  'opened',
  'request',
  'head',
  'response',
  undefined,
  'closed',
  'charged',
];

/** On the way in: what `append` hands to the encoder. */
export function kindCode(kind: FrameKind): number {
  return KINDS.indexOf(kind) + 1;
}

const FORMAT_VERSION = 1;
const MARKER_BYTES = 8;
export const FRAME_HEADER_BYTES = 44;

/**
 * Larger bodies are cut into frames of this size: one check sum over it takes 50 us, which may be spent on the main
 * thread between two events (bench/micro/journal.bench.ts).
 */
export const BODY_PIECE_BYTES = 256 * 1024;

/** No frame is larger; a header that says so is not one of ours. JSON payloads are bounded by the front door's limits. */
export const PAYLOAD_LIMIT_BYTES = 1024 * 1024;

export interface FrameHeader {
  kind: FrameKind;
  exchange: ExchangeId;
  sequence: number;
  payloadBytes: number;
  payloadCrc: number;
}

function exchangeAt(bytes: Buffer, at: number): ExchangeId {
  return uuidAt(bytes, at) as ExchangeId; // the header's CRC says that it is the id we wrote
}

/** Writes a frame's header into `target`; the payload's CRC has been taken before. */
export function writeFrameHeader(
  target: Buffer,
  at: number,
  marker: Buffer,
  code: number,
  exchange: Buffer,
  sequence: number,
  payloadBytes: number,
  payloadCrc: number,
): void {
  assert(payloadBytes <= PAYLOAD_LIMIT_BYTES, 'a journal frame is within its limit');
  target.set(marker, at);
  target.writeUInt8(FORMAT_VERSION, at + 8);
  target.writeUInt8(code, at + 9);
  target.writeUInt16LE(0, at + 10);
  target.writeUInt32LE(payloadBytes, at + 12);
  target.set(exchange, at + 16);
  target.writeUInt32LE(sequence, at + 32);
  target.writeUInt32LE(payloadCrc, at + 36);
  target.writeUInt32LE(crc32(target.subarray(at, at + 40)), at + 40);
}

export type Scanned =
  /** `payload` is a view on the window that was scanned. */
  | { what: 'frame'; offset: number; header: FrameHeader; payload: Buffer }
  /** The header is sound, the payload is not. */
  | { what: 'bad_payload'; offset: number; header: FrameHeader }
  /** Sound, but of a format or kind that this build does not know. */
  | { what: 'unknown_frame'; offset: number; bytes: number }
  /** No header here: a hole that a crash left, or damage. */
  | { what: 'skipped'; offset: number; bytes: number };

/**
 * Reads the frames of `window`, which begins at byte `windowOffset` of its file. With `last` nothing follows the window,
 * and what is left at its end is skipped as torn. Frames of other exchanges than `wanted` are passed over, and their
 * payloads not looked at. Returns how many bytes were taken: the next window begins there.
 */
export function* scanWindow(
  window: Buffer,
  windowOffset: number,
  marker: Buffer,
  last: boolean,
  wanted?: ReadonlySet<ExchangeId>,
): Generator<Scanned, number> {
  let at = 0;
  while (at < window.length) {
    if (window.length - at < FRAME_HEADER_BYTES && !last) return at;
    const length = frameLengthAt(window, at, marker);
    if (length === undefined) {
      const next = window.indexOf(marker, at + 1);
      // Without a marker in sight, its first bytes may still stand at the end of the window.
      const until = next >= 0 ? next : last ? window.length : Math.max(at + 1, window.length - MARKER_BYTES + 1);
      yield { what: 'skipped', offset: windowOffset + at, bytes: until - at };
      at = until;
      continue;
    }
    if (at + length > window.length) {
      if (!last) return at;
      // Frames are written whole or not at all, and nothing of ours stands inside one: this is the torn tail.
      yield { what: 'skipped', offset: windowOffset + at, bytes: window.length - at };
      return window.length;
    }
    const exchange = exchangeAt(window, at + 16);
    if (wanted === undefined || wanted.has(exchange)) yield frameAt(window, at, length, windowOffset, exchange);
    at += length;
  }
  return at;
}

/** Bytes of the frame at `at`, header included; undefined where no sound header stands. */
function frameLengthAt(window: Buffer, at: number, marker: Buffer): number | undefined {
  if (window.length - at < FRAME_HEADER_BYTES) return undefined;
  if (window.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) !== 0) return undefined;
  if (crc32(window.subarray(at, at + 40)) !== window.readUInt32LE(at + 40)) return undefined;
  const payloadBytes = window.readUInt32LE(at + 12);
  return payloadBytes > PAYLOAD_LIMIT_BYTES ? undefined : FRAME_HEADER_BYTES + payloadBytes;
}

function frameAt(window: Buffer, at: number, length: number, windowOffset: number, exchange: ExchangeId): Scanned {
  const offset = windowOffset + at;
  const kind = KINDS[window.readUInt8(at + 9) - 1];
  const plain = window.readUInt16LE(at + 10) === 0; // flags are for sealed or packed payloads, of which we know none
  if (window.readUInt8(at + 8) !== FORMAT_VERSION || kind === undefined || !plain) {
    return { what: 'unknown_frame', offset, bytes: length };
  }
  const header: FrameHeader = {
    kind,
    exchange,
    sequence: window.readUInt32LE(at + 32),
    payloadBytes: length - FRAME_HEADER_BYTES,
    payloadCrc: window.readUInt32LE(at + 36),
  };
  const payload = window.subarray(at + FRAME_HEADER_BYTES, at + length);
  if (crc32(payload) !== header.payloadCrc) return { what: 'bad_payload', offset, header };
  return { what: 'frame', offset, header, payload };
}

/** What the head of a segment says. Without its marker no frame can be told from noise, so the head stands there twice. */
export interface SegmentHead {
  gateway: string;
  segment: number;
  marker: Buffer;
}

const FILE_MAGIC = Buffer.from('APTJRNL1');
/** magic 8 | marker 8 | segment u32 | gateway's length u8 | gateway 64 | CRC-32 u32, padded with zeros. */
const HEAD_COPY_BYTES = 96;
const GATEWAY_LIMIT_BYTES = 64;
/** The copies stand on different pages and sectors. */
const HEAD_COPIES_AT = [0, 4096] as const;
export const FILE_HEAD_BYTES = 8192;

/** The first bytes of a segment. `gateway` is at most 64 bytes of UTF-8. */
export function encodeSegmentHead(head: SegmentHead): Buffer {
  const gateway = Buffer.from(head.gateway);
  assert(gateway.length <= GATEWAY_LIMIT_BYTES, 'a gateway id has at most 64 bytes');
  assert(head.marker.length === MARKER_BYTES, 'a marker has 8 bytes');
  const bytes = Buffer.alloc(FILE_HEAD_BYTES);
  for (const at of HEAD_COPIES_AT) {
    FILE_MAGIC.copy(bytes, at);
    head.marker.copy(bytes, at + 8);
    bytes.writeUInt32LE(head.segment, at + 16);
    bytes.writeUInt8(gateway.length, at + 20);
    gateway.copy(bytes, at + 21);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + HEAD_COPY_BYTES - 4)), at + HEAD_COPY_BYTES - 4);
  }
  return bytes;
}

/** Undefined when neither copy is sound. */
export function decodeSegmentHead(bytes: Buffer): SegmentHead | undefined {
  for (const at of HEAD_COPIES_AT) {
    const copy = bytes.subarray(at, at + HEAD_COPY_BYTES);
    if (copy.length < HEAD_COPY_BYTES || FILE_MAGIC.compare(copy, 0, 8) !== 0) continue;
    if (crc32(copy.subarray(0, HEAD_COPY_BYTES - 4)) !== copy.readUInt32LE(HEAD_COPY_BYTES - 4)) continue;
    return {
      gateway: copy.toString('utf8', 21, 21 + copy.readUInt8(20)),
      segment: copy.readUInt32LE(16),
      marker: Buffer.from(copy.subarray(8, 16)),
    };
  }
  return undefined;
}

const SEGMENT_NAME = /^journal-(\d{1,10})\.seg$/;

export function segmentName(segment: number): string {
  return `journal-${segment}.seg`;
}

/** The number in a segment's file name; undefined for other files. */
export function segmentNumber(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
