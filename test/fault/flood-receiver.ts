import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook receiver that does next to nothing with what it takes while a flood lasts: it shares the machine with what is measured. */
export interface FloodReceiver {
  url: string;
  /** Answers so long after a body has come. */
  setPauseMs(pauseMs: number): void;
  /** Requests so far, of whatever has come again too. */
  requests(): number;
  taken(): Taken;
  close(): void;
}

/** What has come, each request once. */
export interface Taken {
  sequences: number[];
  /** The numbers that the flood gave its events. */
  ofFlood: number[];
  /** Requests that came again. */
  again: number;
}

export async function startFloodReceiver(): Promise<FloodReceiver> {
  const bodies: { id: string; bytes: Buffer[] }[] = [];
  let pauseMs = 0;
  const server = createServer((request, response) => {
    const one = { id: String(request.headers['webhook-id']), bytes: [] as Buffer[] };
    request.on('data', (chunk: Buffer) => one.bytes.push(chunk));
    request.on('end', () => {
      bodies.push(one);
      setTimeout(() => response.end('{}'), pauseMs);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    setPauseMs: (ms) => {
      pauseMs = ms;
    },
    requests: () => bodies.length,
    taken: () => takenOf(bodies),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface FloodEvent {
  sequence: number;
  data: { flood?: number };
}

function takenOf(bodies: readonly { id: string; bytes: readonly Buffer[] }[]): Taken {
  const taken: Taken = { sequences: [], ofFlood: [], again: 0 };
  const ids = new Set<string>();
  for (const { id, bytes } of bodies) {
    if (ids.has(id)) {
      taken.again += 1;
      continue;
    }
    ids.add(id);
    const { events } = JSON.parse(Buffer.concat(bytes).toString('utf8')) as { events: FloodEvent[] };
    for (const { sequence, data } of events) {
      taken.sequences.push(sequence);
      if (data.flood !== undefined) taken.ofFlood.push(data.flood);
    }
  }
  return taken;
}
