import type { IdentitySource } from '../src/contract/caller.ts';
import { coversLoopback } from './address.ts';
import type { Finding, Path } from './problem.ts';
import type { ListenerConfig, ServerConfig } from './schema/server.ts';

/** How callers of a listener are known; undefined where its address has no default and none is given. */
export function identityOf(listener: ListenerConfig): readonly IdentitySource[] | undefined {
  if (listener.identity !== undefined) return listener.identity;
  if (listener.address.kind === 'tailscale') return ['tailscale'];
  return listener.address.loopback ? ['loopback'] : undefined;
}

const IN_THE_CLEAR = { atKey: true, message: 'HTTP/2 in the clear has no certificate', advisory: false };

/** Whether identity is established safely at every listener (design, section 7). */
export function listenerFindings(server: ServerConfig): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const proxyOnLoopback = server.trusted_proxies.some(coversLoopback);
  const check = (listener: ListenerConfig, path: Path): void => {
    const refuse = (field: string, message: string, atKey = false): void => {
      findings.push({ severity: 'error', path: [...path, field], atKey, message, advisory: false });
    };
    const { address } = listener;
    // Port 0 is a free port each time.
    if (address.port !== 0 && seen.has(address.text)) refuse('address', `"${address.text}" is listed twice`);
    seen.add(address.text);
    const identity = identityOf(listener);
    if (identity === undefined) {
      refuse('identity', `"${address.text}" is not a loopback address, so it must say how callers are known`, true);
      return;
    }
    const byProxy = identity.includes('proxy_headers');
    if (byProxy && server.trusted_proxies.length === 0) {
      refuse('identity', 'proxy_headers needs server.trusted_proxies: no request could ever be let in', true);
    }
    // A proxy on this machine connects from a loopback address: whoever comes through it would pass for (loopback).
    if (identity.includes('loopback') && (byProxy || proxyOnLoopback)) {
      const why = byProxy ? 'proxy_headers on the same listener' : 'a trusted proxy on a loopback address';
      refuse('identity', `loopback identity cannot stand beside ${why}`, true);
    }
  };
  server.listen.forEach((listener, index) => {
    check(listener, ['server', 'listen', index]);
  });
  server.listen_h2c.forEach((listener, index) => {
    const path = ['server', 'listen_h2c', index];
    check(listener, path);
    if (listener.tls !== undefined) findings.push({ severity: 'error', path: [...path, 'tls'], ...IN_THE_CLEAR });
  });
  return findings;
}
