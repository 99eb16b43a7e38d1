import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionOf } from './database.ts';
import type { DatabaseAddress } from './database.ts';

export interface Listening {
  close(): Promise<void>;
}

/** Pause before a connection that broke is opened again. */
const RETRY_MS = 500;
const CONNECT_MS = 5_000;

/**
 * Listens to a channel on a connection of its own, and opens another whenever it breaks. `heard` is called for each
 * notice, and once for each connection: what was said in between was missed.
 */
export function listen(address: DatabaseAddress, channel: string, heard: () => void): Listening {
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      await listenOnce(address, channel, heard, stop.signal);
      await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** Resolves when the connection is over, however it ended: whoever polls besides says that the database is away. */
async function listenOnce(
  address: DatabaseAddress,
  channel: string,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const client = new pg.Client({
    ...connectionOf(address),
    application_name: 'aperture-listen',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
  });
  const over = new Promise<void>((resolve) => {
    client.once('end', resolve);
    client.on('error', () => {
      resolve();
    });
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
  try {
    await client.connect();
    client.on('notification', heard);
    await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    heard();
    await over;
  } catch {
    // Not reached, or turned away: the next attempt may fare better.
  }
  await client.end().catch(() => undefined);
}
