import { applyEdits, modify } from 'jsonc-parser';
import type { KeyPair } from '../../src/front/key-pair.ts';
import { createNodeSocket } from '../../src/front/node-socket.ts';
import type { Accept, FrontSocket } from '../../src/front/socket.ts';
import { createUwsSocket } from '../../src/front/uws.ts';

export type SocketLayer = 'uws' | 'node';

/** The layer that every gateway of a test listens with: `APERTURE_TEST_SOCKET=node npx vitest run …`. */
export const TEST_SOCKET: SocketLayer = process.env['APERTURE_TEST_SOCKET'] === 'node' ? 'node' : 'uws';

const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);

/** Whether two processes may listen on one port: Node's own layer lets them from 22.12 on. */
export const SHARES_PORTS = TEST_SOCKET === 'uws' || MAJOR > 22 || (MAJOR === 22 && MINOR >= 12);

/** Of a gateway inside the test's process. */
export function createTestSocket(
  accept: Accept,
  listener: number,
  keyPair?: KeyPair,
  maxMessageBytes?: number,
): FrontSocket {
  return TEST_SOCKET === 'node'
    ? createNodeSocket(accept, listener, { keyPair })
    : createUwsSocket(accept, listener, keyPair, maxMessageBytes);
}

/** A config's text, with `server.socket`; untouched where it is the default, or broken. */
export function withSocket(config: string, socket: SocketLayer): string {
  if (socket === 'uws') return config;
  try {
    return applyEdits(config, modify(config, ['server', 'socket'], socket, {}));
  } catch {
    return config; // It is to be refused for what it is.
  }
}
