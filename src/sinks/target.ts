import type { EgressTarget } from '../contract/egress.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** Reads a destination's URL. A fault ends a sentence that begins with the URL. */
export function readTarget(text: string, plainHttp: boolean): Result<EgressTarget, string> {
  if (!URL.canParse(text) || !/^https?:\/\//i.test(text)) return failed('must be an http:// or https:// URL');
  const url = new URL(text);
  // They would be sent to nobody: what a destination is to be told stands in settings of its own.
  if (url.username !== '' || url.password !== '') return failed('must not hold a user or password');
  if (text.includes('#')) return failed('must not hold a fragment');
  return ok({ origin: url.origin, path: url.pathname + url.search, host: url.host, plainHttp });
}
