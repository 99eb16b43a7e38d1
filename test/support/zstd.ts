/** zstd without a compressor: one raw block (RFC 8878, section 3.1.1), which every decoder must take. */
export function rawZstd(text: string): Uint8Array {
  const content = Buffer.from(text);
  const head = Buffer.alloc(4 + 1 + 4 + 3);
  head.writeUInt32LE(0xfd2fb528, 0);
  // Single segment, with its size in four bytes.
  head.writeUInt8(0b1010_0000, 4);
  head.writeUInt32LE(content.byteLength, 5);
  // Last block, raw.
  head.writeUIntLE((content.byteLength << 3) | 1, 9, 3);
  return Buffer.concat([head, content]);
}
