import { parameterOf } from '../lib/query.ts';
import { TOKEN_INSIDE, TOKEN_PREFIX } from './token-format.ts';

type Header = [string, string];

/** A request that has tokens of ours in it. */
export interface PresentedTokens {
  /** The different ones that stand where clients put a credential. */
  tokens: string[];
  /** Without every header that holds a token, wherever it stands. */
  headers: Header[];
  /** Without every parameter that holds one. */
  query: string;
}

/** Where the clients of the APIs we serve put a credential. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set(['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']);
const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set(['key', 'access_token']);

/**
 * Takes tokens of ours out of a request, so that nothing behind the door can send, log or keep one. Other credentials
 * stay as they are. Undefined where there is none, as in most requests. Names of headers are lower-case, the query is
 * without `?`. Never throws.
 */
export function takeTokens(headers: readonly Header[], query: string): PresentedTokens | undefined {
  const tokens = new Set<string>();
  const kept = headers.filter(([name, value]) => !takenFromHeader(name, value, tokens));
  const keptQuery = mayHoldToken(query) ? withoutTokens(query, tokens) : query;
  if (kept.length === headers.length && keptQuery === query) return undefined;
  return { tokens: [...tokens], headers: kept, query: keptQuery };
}

/** Whether a header is ours to take; what it presents is put into `tokens`. */
function takenFromHeader(name: string, value: string, tokens: Set<string>): boolean {
  if (!CREDENTIAL_HEADERS.has(name)) return TOKEN_INSIDE.test(value);
  const credentials = credentialsIn(value);
  const presented = credentials.filter((credential) => credential.startsWith(TOKEN_PREFIX));
  for (const token of presented) tokens.add(token);
  return presented.length > 0 || [value, ...credentials].some((text) => TOKEN_INSIDE.test(text));
}

/** A credential without its scheme. Basic has two: a user before the colon, a password behind it. */
function credentialsIn(value: string): string[] {
  const [, scheme = '', rest = ''] = /^\s*(bearer|basic)\s+(.*)$/i.exec(value) ?? [];
  if (scheme === '') return [value.trim()];
  if (scheme.toLowerCase() === 'bearer') return [rest.trim()];
  return Buffer.from(rest, 'base64').toString('latin1').split(':');
}

function mayHoldToken(query: string): boolean {
  // An escape can hide the prefix from a plain look.
  return query.includes(TOKEN_PREFIX) || query.includes('%');
}

function withoutTokens(query: string, tokens: Set<string>): string {
  return query
    .split('&')
    .filter((part) => {
      const { name, value } = parameterOf(part);
      const presents = CREDENTIAL_PARAMETERS.has(name) && value.trim().startsWith(TOKEN_PREFIX);
      if (presents) tokens.add(value.trim());
      return !presents && !TOKEN_INSIDE.test(value) && !TOKEN_INSIDE.test(name);
    })
    .join('&');
}
