import type { Dialect } from '../contract/api.ts';
import { parameterOf } from '../lib/query.ts';
import { CREDENTIAL_HEADERS, REDACTED, isCredentialParameter, isSecretHeader } from './credentials.ts';

type Header = readonly [string, string];

/** What the `keys` room answers. */
export interface UpstreamAuthorization {
  readonly headers: readonly Header[];
  /** The credential is the client's own. */
  readonly fromClient: boolean;
}

/** Of one connection, and never to be passed on (RFC 9110, section 7.6.1), with what framing our side sets itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
]);

/**
 * Of the client's way to us: who it is and which proxies stood between. None of it is a provider's business, and none of
 * it is true of our own request. `via` goes with them and we add none: the request should look as if it came directly.
 */
const OF_THE_WAY_HERE: ReadonlySet<string> = new Set([
  'host',
  'expect',
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-access-authenticated-user-email',
  // A word to us (docs/extensions.md).
  'x-aperture-provider',
  // A signature over headers that we change.
  'x-amz-date',
  'x-amz-content-sha256',
]);
const OF_THE_WAY_HERE_PREFIXES = ['tailscale-', 'x-forwarded-', 'sec-websocket-', 'amz-sdk-'];

/** One look for each header of each request. */
const NEVER_UP: ReadonlySet<string> = new Set([...CREDENTIAL_HEADERS, ...HOP_BY_HOP, ...OF_THE_WAY_HERE]);

/** Whose account pays or is used: beside our credential it would select another account, or be refused. */
const OF_THE_ACCOUNT: ReadonlySet<string> = new Set([
  'openai-organization',
  'openai-project',
  'anthropic-workspace-id',
  'x-goog-user-project',
  'chatgpt-account-id',
]);

/** Lists to which an operator adds; any other header of the same name the operator's replaces. */
const LISTS: ReadonlySet<string> = new Set(['anthropic-beta', 'openai-beta']);

/** Required by Anthropic; what clients that send one send today. */
const ANTHROPIC_VERSION = '2023-06-01';

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** What a value must not hold. Beyond CR, LF and NUL, which split a message, undici refuses the other controls. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f]/;
/** What nearly every value is: one look instead of two. */
const PLAIN = /^[\t\x20-\x7e]*$/;

/**
 * The headers of an upstream request, flat as undici takes them: the client's in their order, without credentials,
 * hop-by-hop headers, its network and its account; then the operator's, then the credential (wire-formats.md, section
 * 13). Header values are text, and leave as UTF-8. The operator's headers win over the client's, the credential over
 * both.
 */
export function upstreamHeaders(input: {
  clientHeaders: readonly Header[];
  /** The upstream's, with a port where it has one. */
  host: string;
  auth: UpstreamAuthorization;
  /** Lower-case names; of the provider and of the matching grants. */
  addHeaders: readonly Header[];
  /** Set where the response is to be read or changed on its way. */
  acceptEncoding?: 'identity' | undefined;
  dialect: Dialect;
  bodyBytes: number;
}): string[] {
  const { clientHeaders, auth, addHeaders } = input;
  const flat: string[] = ['host', input.host];
  const dropped = namedByConnection(clientHeaders);
  const isTaken = (name: string): boolean =>
    named(auth.headers, name) || (named(addHeaders, name) && !LISTS.has(name)) || dropped.has(name);

  let hasVersion = named(addHeaders, 'anthropic-version');
  for (const [given, value] of clientHeaders) {
    const name = given.toLowerCase();
    if (!passesUp(name, auth.fromClient) || isTaken(name)) continue;
    if (name === 'accept-encoding' && input.acceptEncoding !== undefined) continue;
    if (name === 'anthropic-version') hasVersion = true;
    put(flat, name, value);
  }
  for (const [name, value] of addHeaders) {
    if (isOurs(name) || named(auth.headers, name)) continue;
    if (name === 'accept-encoding' && input.acceptEncoding !== undefined) continue;
    put(flat, name, value);
  }
  for (const [name, value] of auth.headers) put(flat, name, value);
  if (input.dialect === 'anthropic' && !hasVersion) flat.push('anthropic-version', ANTHROPIC_VERSION);
  if (input.acceptEncoding !== undefined) flat.push('accept-encoding', input.acceptEncoding);
  if (input.bodyBytes > 0) flat.push('content-length', String(input.bodyBytes));
  return flat;
}

/** Whether a header of a client's request goes on to the provider, by its lower-case name. */
export function passesUp(name: string, withAccount: boolean): boolean {
  if (NEVER_UP.has(name)) return false;
  if (OF_THE_ACCOUNT.has(name)) return withAccount;
  return !OF_THE_WAY_HERE_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Framing and target, which nobody but us decides. */
function isOurs(name: string): boolean {
  return HOP_BY_HOP.has(name) || name === 'host' || name === 'expect';
}

function put(flat: string[], name: string, value: string): void {
  if (!TOKEN.test(name)) return;
  if (PLAIN.test(value)) flat.push(name, value);
  // A value that could split the message is left out whole: no part of it can be trusted.
  else if (!FORBIDDEN.test(value)) flat.push(name, Buffer.from(value, 'utf8').toString('latin1'));
}

function named(headers: readonly Header[], name: string): boolean {
  for (const header of headers) if (header[0] === name) return true;
  return false;
}

const NONE: ReadonlySet<string> = new Set();

/** Headers that their `connection` declares to be of this connection only. */
function namedByConnection(headers: readonly Header[]): ReadonlySet<string> {
  let found: Set<string> | undefined;
  for (const [name, value] of headers) {
    if (name.length !== 'connection'.length || name.toLowerCase() !== 'connection') continue;
    found ??= new Set();
    for (const word of value.split(',')) found.add(word.trim().toLowerCase());
  }
  return found ?? NONE;
}

/**
 * A provider's response headers as the client gets them, lower-case, without those of the connection. Cookies are
 * dropped: they would be ours to the client, and another caller's to the provider. `content-length` is left to whoever
 * writes the body.
 */
export function clientResponseHeaders(headers: readonly Header[]): [string, string][] {
  const dropped = namedByConnection(headers);
  const passed: [string, string][] = [];
  for (const [given, value] of headers) {
    const name = given.toLowerCase();
    if (HOP_BY_HOP.has(name) || dropped.has(name) || name === 'set-cookie' || name === 'set-cookie2') continue;
    if (TOKEN.test(name) && !FORBIDDEN.test(value)) passed.push([name, value]);
  }
  return passed;
}

/** Headers as the journal, captures and logs may have them: names as they are, secrets replaced. */
export function redactHeaders(headers: readonly Header[]): [string, string][] {
  return headers.map(([name, value]) => [name, isSecretHeader(name.toLowerCase(), value) ? REDACTED : value]);
}

/** The client's query without its credentials; every other byte as it came. Takes and gives it without `?`. */
export function upstreamQuery(query: string): string {
  if (query === '') return query;
  return query
    .split('&')
    .filter((part) => !isCredentialParameter(parameterOf(part).name))
    .join('&');
}
