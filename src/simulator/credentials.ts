import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Credential } from './books.ts';

/** Every place in which a client can put a credential for one of the APIs, or for something that is not ours. */
const HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key', 'cookie', 'proxy-authorization'] as const;
const QUERY = /(?:^|&)(key|access_token)=([^&]*)/g;

export interface SeenCredentials {
  credential: Credential;
  others: Record<string, string>;
}

const NONE: Record<string, string> = {};

/** Hashes what was not expected: whoever knows a secret can find out whether it came through, nobody else can. */
function hashOfCredential(value: string): string {
  return hash('sha256', value, 'hex').slice(0, 16);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not percent-encoded: then it is what it says.
  }
}

/** Compares every credential of a request with the one expected key. The scheme word does not matter. */
export function seenCredentials(
  request: IncomingMessage,
  query: string,
  expected: string | undefined,
): SeenCredentials {
  const seen: [string, string][] = [];
  for (const name of HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') seen.push([name, value.replace(/^Bearer +/i, '')]);
  }
  if (query !== '') {
    for (const match of query.matchAll(QUERY)) seen.push([`?${match[1] ?? ''}`, decoded(match[2] ?? '')]);
  }
  const others = seen.filter(([, value]) => value !== expected);
  if (others.length === 0) return { credential: seen.length > 0 ? 'expected' : 'none', others: NONE };
  return {
    credential: 'other',
    others: Object.fromEntries(others.map(([name, value]) => [name, hashOfCredential(value)])),
  };
}
