import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import type { Place } from './private-network.ts';

export interface ProxySettings {
  at: Place;
  to: Place;
  /** By address of the client; nobody else gets an identity header. */
  logins: Record<string, string>;
  forwardedFor: boolean;
}

/** As `tailscale serve`: the identity headers are its own, by the address that it sees; all others pass. */
export function startReverseProxy({ at, to, logins, forwardedFor }: ProxySettings): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const from = incoming.socket.remoteAddress ?? '';
    const headers = Object.entries(incoming.headers).filter(([name]) => !name.startsWith('tailscale-'));
    const login = logins[from];
    if (login !== undefined) headers.push(['tailscale-user-login', login]);
    if (forwardedFor) headers.push(['x-forwarded-for', from]);
    const onward = request(
      { ...to, method: incoming.method, path: incoming.url, headers: Object.fromEntries(headers), agent: false },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(onward);
  });
  return new Promise((resolve) => {
    server.listen(at.port, at.host, () => {
      resolve(server);
    });
  });
}
