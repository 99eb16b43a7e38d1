import type { Listener, ServerSettings } from '../../config/slices.ts';

/** Settings of a config that differ from those a process started with, and that it cannot change while it runs. */
export function needsRestart(started: ServerSettings, next: ServerSettings): string[] {
  const parts: [string, (settings: ServerSettings) => unknown][] = [
    ['server.listen', socketsOf],
    ['server.socket', ({ socket }) => socket],
    ['server.processes', ({ processes }) => processes],
    ['server.inspectors', ({ inspectors }) => inspectors],
    ['server.limits.inflight_bytes', ({ limits }) => limits.inflightBytes],
    ['server.timeouts.connect', ({ timeouts }) => timeouts.connectMs],
    ['server.journal', ({ journal }) => journal],
  ];
  return parts.filter(([, part]) => JSON.stringify(part(started)) !== JSON.stringify(part(next))).map(([name]) => name);
}

/**
 * Whether a config's listeners are those that listen: then who they let in follows the config. Otherwise a running
 * process goes on with the listeners it has, and how callers are known at them.
 */
export function sameSockets(started: ServerSettings, next: ServerSettings): boolean {
  return JSON.stringify(socketsOf(started)) === JSON.stringify(socketsOf(next));
}

function socketsOf({ listeners }: ServerSettings): Omit<Listener, 'identity' | 'trustedProxies'>[] {
  return listeners.map(({ address, tls, h2c }) => ({ address, tls, h2c }));
}
