import { randomFillSync } from 'node:crypto';

/** Random bytes are drawn in blocks: one draw per id costs more than the rest of minting it. */
const POOL_BYTES = 8192;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

let lastMs = 0;
let sequence = 0;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, a 12-bit counter that keeps the ids of one millisecond in
 * order (section 6.2, method 1), 62 random bits. Strictly increasing within a thread, also when the clock steps back.
 */
export function uuid7(nowMs: number): string {
  const now = Math.floor(nowMs);
  if (now > lastMs) {
    lastMs = now;
    sequence = 0;
  } else if (++sequence > 0xfff) {
    lastMs += 1;
    sequence = 0;
  }
  if (used + 8 > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const counter = sequence.toString(16).padStart(3, '0');
  const r = pool.subarray(used, used + 8);
  used += 8;
  const hex = (i: number): string => HEX[r[i] ?? 0] ?? '00';
  const variant = HEX[((r[0] ?? 0) & 0x3f) | 0x80] ?? '80';
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${variant}${hex(1)}-${hex(2)}${hex(3)}${hex(4)}${hex(5)}${hex(6)}${hex(7)}`;
}

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function isUuid7(text: string): boolean {
  return UUID7.test(text);
}

/** The smallest UUIDv7 of a millisecond: the lower edge of a partition or a page. */
export function uuid7Floor(ms: number): string {
  const time = Math.floor(ms).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}

/** The milliseconds since the epoch that a UUIDv7 carries. */
export function uuid7Ms(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

export const UUID_BYTES = 16;

/** The 16 bytes of a UUID. */
export function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** The UUID whose 16 bytes stand there. */
export function uuidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + UUID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
