const LF = 0x0a;
const CR = 0x0d;

/**
 * A message as the event that a POST would have had. JSON has line ends only between its words: one that does gets a `data`
 * line for each, and CR becomes LF there.
 */
export function asEvent(type: string, bytes: Uint8Array): Uint8Array {
  const name = /[\r\n]/.test(type) ? '' : type;
  const first = Buffer.from(`event: ${name}\ndata: `);
  if (!bytes.includes(LF) && !bytes.includes(CR)) return Buffer.concat([first, bytes, Buffer.from('\n\n')]);
  const text = Buffer.from(bytes)
    .toString('utf8')
    .split(/\r\n|\n|\r/)
    .join('\ndata: ');
  return Buffer.concat([first, Buffer.from(`${text}\n\n`)]);
}
