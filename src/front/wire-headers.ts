import type { ClientRequest } from './socket.ts';

export type Headers = readonly (readonly [string, string])[];

/** Longer lists are refused: no client sends so many, and each costs. uWebSockets.js has the same cap. */
export const MOST_HEADERS = 100;

/** All of a head. Above `server.limits.headers` with its names and line ends, whatever that is set to (1 MiB at most). */
export const MOST_HEADER_BYTES = 2 * 1024 * 1024;

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** As bytes; what is not in here splits heads, or is refused by Node. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const BEYOND_ASCII = /[^\0-\x7f]/;

/** They are about a connection, and HTTP/2 has none of them. */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Node reads each byte as a character; the rest of the gateway, and uWebSockets.js, read UTF-8. */
export function fromWire(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}

function toWire(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** Node's `rawHeaders`, which alternate: names in lower case, values as they came, in order. */
export function pairsOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    pairs.push([(rawHeaders[at] ?? '').toLowerCase(), fromWire(rawHeaders[at + 1] ?? '')]);
  }
  return pairs;
}

/**
 * What may be written of an answer's headers, as bytes: a provider's header that is none by the letter of HTTP is left
 * out, as Node would throw. Lengths and all that is about the connection are the socket layer's own.
 */
export function writable(headers: Headers): [string, string][] {
  const pairs: [string, string][] = [];
  for (const [name, value] of headers) {
    if (OF_CONNECTION.has(name) || name === 'content-length' || !TOKEN.test(name)) continue;
    const bytes = toWire(value).trim();
    if (VALUE.test(bytes)) pairs.push([name, bytes]);
  }
  return pairs;
}

export function asksToClose(headers: Headers): boolean {
  return headers.some(([name, value]) => name === 'connection' && value === 'close');
}

/** A request as Node's parsers tell it. */
export class NodeRequest implements ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: [string, string][];
  readonly remoteAddress: string;

  constructor(method: string, target: string, headers: [string, string][], remoteAddress: string) {
    const url = fromWire(target);
    const mark = url.indexOf('?');
    this.method = method.toUpperCase();
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? '' : url.slice(mark + 1);
    this.headers = headers;
    this.remoteAddress = remoteAddress;
  }

  header(name: string): string | undefined {
    for (const header of this.headers) if (header[0] === name) return header[1];
    return undefined;
  }
}
