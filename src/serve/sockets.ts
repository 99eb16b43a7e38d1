import type { KeyPair } from '../front/key-pair.ts';
import type { Accept, FrontSocket } from '../front/socket.ts';
import { assert } from '../lib/result.ts';
import type { ServerSettings } from '../../config/slices.ts';

/** Makes the socket of one listener; it does not listen yet. Throws where the key pair cannot be used. */
export type MakeSocket = (listener: number, keyPair: KeyPair | undefined) => FrontSocket;

/**
 * The socket layer of each listener. Only what one of them uses is loaded: who chose Node's own has no third party's
 * binary in the process.
 */
export async function socketsOf({ listeners, socket, limits }: ServerSettings, accept: Accept): Promise<MakeSocket> {
  const isOnUws = (index: number): boolean => socket === 'uws' && listeners[index]?.h2c === false;
  const used = new Set(listeners.map((_, index) => isOnUws(index)));
  const uws = used.has(true) ? await import('../front/uws.ts') : undefined;
  const node = used.has(false) ? await import('../front/node-socket.ts') : undefined;
  return (index, keyPair) => {
    const made = isOnUws(index)
      ? uws?.createUwsSocket(accept, index, keyPair, limits.bodyBytes)
      : node?.createNodeSocket(accept, index, { keyPair, h2c: listeners[index]?.h2c ?? false });
    assert(made !== undefined, 'the layer of each listener is loaded');
    return made;
  };
}
