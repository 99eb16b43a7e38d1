import type { ServerSettings } from '../../config/slices.ts';

/** What the config asks of sockets and identity and this build does not have: better no start than a door left open. */
export function unservedBy(server: ServerSettings): string[] {
  const missing = new Set<string>();
  if (server.processes > 1) missing.add('server.processes above 1');
  for (const { identity } of server.listeners) {
    if (identity.includes('oidc')) missing.add('identity "oidc"');
  }
  return [...missing];
}
