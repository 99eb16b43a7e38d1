const ENTRY = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/s;
/** What HTTP lets stand in a value; no control characters, so that no entry can add a line of its own. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that belong to the connection or the message, which the gateway sets itself. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-connection',
]);

export type HeaderEntry =
  | { kind: 'header'; name: string; value: string }
  | { kind: 'malformed' }
  | { kind: 'own'; name: string };

/** Reads an `add_headers` entry, "Header-Name: value"; the name comes back in lower case. */
export function readHeaderEntry(entry: string): HeaderEntry {
  const match = ENTRY.exec(entry);
  const name = match?.[1]?.toLowerCase();
  const value = match?.[2]?.trim();
  if (name === undefined || value === undefined || !VALUE.test(value)) return { kind: 'malformed' };
  return OWN_HEADERS.has(name) ? { kind: 'own', name } : { kind: 'header', name, value };
}
