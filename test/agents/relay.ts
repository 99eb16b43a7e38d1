import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { assert } from '../../src/lib/result.ts';

/** A request as it passed: `GET /v1/responses`, and when. */
export interface PassedRequest {
  what: string;
  atMs: number;
}

/** Stands before a gateway and notes the requests that pass. Bytes go on as they come. */
export interface Relay {
  url: string;
  passed: PassedRequest[];
  close(): void;
}

/** At the start of a chunk: agents begin each request with a write of its own. */
const REQUEST_LINE = /^([A-Z]+ \/[^ ]*) HTTP\/1\.1\r\n/;

export async function startRelay(target: string): Promise<Relay> {
  const { hostname, port } = new URL(target);
  const passed: PassedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port) });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      from.pipe(to);
    }
    client.on('data', (chunk) => {
      const what = REQUEST_LINE.exec(chunk.toString('latin1'))?.[1];
      if (what !== undefined) passed.push({ what, atMs: performance.now() });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'the relay listens on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    passed,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
