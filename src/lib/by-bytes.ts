/** Orders texts by their bytes in UTF-8, as stores order keys. */
export function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
