/** The type of the elements: `bytea`. */
const BYTEA_OID = 17;
const HEAD_BYTES = 20;

/**
 * A `bytea[]` parameter as Postgres itself writes one. A list of buffers is the same to a statement, but goes as text: two
 * digits for each byte, for us to write and for Postgres to read.
 */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.reduce((sum, value) => sum + 4 + value.length, HEAD_BYTES));
  bytes.writeInt32BE(1, 0); // dimensions
  bytes.writeInt32BE(0, 4); // no nulls
  bytes.writeInt32BE(BYTEA_OID, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16); // number of the first
  let at = HEAD_BYTES;
  for (const value of values) {
    bytes.writeInt32BE(value.length, at);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}
