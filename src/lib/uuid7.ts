import { randomUUID } from 'node:crypto';

let lastMs = 0;
let sequence = 0;
/** Of `lastMs`: all that stands before the counter. */
let beginning = '';

/**
 * A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, a 12-bit counter that keeps the ids of one millisecond in
 * order (section 6.2, method 1), 62 random bits. Strictly increasing within a thread, also when the clock steps back.
 */
export function uuid7(nowMs: number): string {
  const now = Math.floor(nowMs);
  if (now > lastMs) begin(now);
  else if (++sequence > 0xfff) begin(lastMs + 1);
  // Variant and random bits stand where a UUIDv4 has them.
  return beginning + sequence.toString(16).padStart(3, '0') + randomUUID().slice(UUID4_VARIANT_AT);
}

/** The hyphen before the fourth group. */
const UUID4_VARIANT_AT = 18;

function begin(ms: number): void {
  lastMs = ms;
  sequence = 0;
  const time = ms.toString(16).padStart(12, '0');
  beginning = `${time.slice(0, 8)}-${time.slice(8)}-7`;
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

/** What a hex digit stands for, by its character code. */
const DIGITS = new Uint8Array(128);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit;
const HYPHEN = 0x2d;

/** The 16 bytes of a UUID that is written in lower case. */
export function uuidBytes(id: string): Buffer {
  const bytes = Buffer.allocUnsafe(UUID_BYTES);
  let at = 0;
  for (let i = 0; i < id.length; i += 2) {
    if (id.charCodeAt(i) === HYPHEN) i += 1;
    bytes[at++] = ((DIGITS[id.charCodeAt(i)] ?? 0) << 4) | (DIGITS[id.charCodeAt(i + 1)] ?? 0);
  }
  return bytes;
}

/** The UUID whose 16 bytes stand there. */
export function uuidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + UUID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
