import type { FrontServices } from './services.ts';
import type { ClientRequest, ClientResponse } from './socket.ts';

const PLAIN: [string, string][] = [['content-type', 'text/plain; charset=utf-8']];

/**
 * `/` for clients that look whether anybody is there (Claude Code sends HEAD), `/healthz` for "this process runs",
 * `/readyz` for "send it traffic". They say nothing about anybody's data and need no identity; an orchestrator asks by
 * address. False when it was something else.
 */
export function answerProbe(services: FrontServices, request: ClientRequest, response: ClientResponse): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  switch (request.path) {
    case '/':
      response.send(200, PLAIN, 'Aperture\n');
      return true;
    case '/healthz':
      response.send(200, PLAIN, 'ok\n');
      return true;
    case '/readyz': {
      const unready = services.state.unready();
      const notes = lines(services.state.notes());
      if (Object.keys(unready).length === 0) response.send(200, PLAIN, `ready\n${notes}`);
      else response.send(503, PLAIN, lines(unready) + notes);
      return true;
    }
    default:
      return false;
  }
}

function lines(parts: Record<string, string>): string {
  return Object.entries(parts)
    .map(([part, what]) => `${part}: ${what}\n`)
    .join('');
}
