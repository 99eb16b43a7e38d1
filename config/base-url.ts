import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';

/** Reads a provider's `baseurl`: an absolute URL without a slash at its end. A fault says what it must be. */
export function readBaseUrl(text: string): Result<string, string> {
  if (!URL.canParse(text) || !/^https?:\/\//i.test(text)) return failed('must be an http:// or https:// URL');
  const url = new URL(text);
  // Credentials belong into `apikey`: in a URL they would end up in logs and error texts.
  if (url.username !== '' || url.password !== '') return failed('must not hold a user or password');
  if (text.includes('?') || text.includes('#')) return failed('must not hold a query or fragment');
  return ok(url.origin + url.pathname.replace(/\/+$/, ''));
}
