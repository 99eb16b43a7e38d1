import fc from 'fast-check';

/** Cuts bytes at the given places; places beyond the end and double ones do no harm. */
export function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    // Copies: nobody may depend on what stands beside a chunk.
    parts.push(new Uint8Array(bytes.subarray(from, place)));
    from = place;
  }
  return parts;
}

export const places = fc.array(fc.nat(), { maxLength: 12 });

export function everyByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
