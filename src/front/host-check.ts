import { isIP } from 'node:net';

/**
 * Whether a Host header may be answered. A page on the web can make its own name resolve to our address and then talk
 * to us as whoever browses it (DNS rebinding), so a name that anybody could register must be listed in
 * `server.allowed_hosts`. Addresses, names without a dot (`localhost`, `ai`) and tailnet names need no listing: nobody
 * outside can make them point here.
 */
export function hostAllowed(host: string, allowed: ReadonlySet<string>): boolean {
  const name = hostName(host);
  if (name === undefined) return false;
  if (isIP(name) !== 0 || !name.includes('.') || name.endsWith('.ts.net')) return true;
  return allowed.has(name);
}

/** The lower-case name of a Host header, without port and brackets; undefined when it is none. */
export function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '');
}

/**
 * Whether a request that changes or costs something comes from a page of another site. Browsers send `Origin` (or
 * `Sec-Fetch-Site`) with those; tools send neither.
 */
export function crossSite(header: (name: string) => string | undefined, host: string): boolean {
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const origin = header('origin');
  if (origin === undefined) return false;
  return origin !== `http://${host}` && origin !== `https://${host}`;
}
