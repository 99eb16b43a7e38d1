import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { ListenOptions, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Server as TlsServer, TlsOptions } from 'node:tls';
import type { KeyPair } from './key-pair.ts';
import { Connection } from './node-connection.ts';
import { Http1 } from './node-http1.ts';
import { Http2 } from './node-http2.ts';
import type { Accept, FrontSocket } from './socket.ts';

/** Above the 60 s after which load balancers and clients close by themselves: who closes first meets no request on its way. */
const IDLE_MS = 75_000;
const HANDSHAKE_MS = 10_000;

/** How much of an answer Node takes before it asks its writer to wait. */
const UNSENT_BYTES = 64 * 1024;

/** What each connection of HTTP/2 begins with. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface NodeSocketOptions {
  /** Speaks TLS, of version 1.2 or later. */
  keyPair?: KeyPair | undefined;
  /** Takes HTTP/2 in the clear as well, from clients that begin with it. */
  h2c?: boolean;
  idleMs?: number;
}

/** The front door over Node's own HTTP. Throws where Node cannot read the key pair. */
export function createNodeSocket(accept: Accept, listener: number, options: NodeSocketOptions = {}): FrontSocket {
  return new NodeSocket(accept, listener, options);
}

class NodeSocket implements FrontSocket {
  readonly #server: Server | TlsServer;
  readonly #http1: Http1;
  readonly #http2: Http2 | undefined;
  readonly #shared = { dismissed: false, open: 0 };
  readonly #sockets = new Set<Socket>();
  readonly #idleMs: number;
  readonly #renew: ((keyPair: KeyPair) => void) | undefined;

  constructor(accept: Accept, listener: number, { keyPair, h2c = false, idleMs = IDLE_MS }: NodeSocketOptions) {
    this.#idleMs = idleMs;
    this.#http1 = new Http1(accept, listener, this.#shared);
    this.#http2 = h2c ? new Http2(accept, listener, this.#shared) : undefined;
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: UNSENT_BYTES };
    if (keyPair === undefined) {
      this.#server = createServer(options, (socket) => {
        this.#connected(socket);
      });
    } else {
      const tls = createTlsServer({ ...options, ...contextOf(keyPair), handshakeTimeout: HANDSHAKE_MS }, (socket) => {
        this.#connected(socket);
      });
      this.#renew = (renewed) => {
        tls.setSecureContext(contextOf(renewed));
      };
      this.#server = tls;
    }
    // Of accepting, later: the next one may succeed.
    this.#server.on('error', () => undefined);
    // Also those whose handshake is not done.
    this.#server.on('connection', (socket: Socket) => {
      this.#keep(socket);
    });
  }

  get open(): number {
    return this.#shared.open;
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException): void => {
        const why = error.code === 'EADDRINUSE' ? `. ${SHARING}` : '';
        const what = `cannot listen on ${host}:${port}: the address is taken or not ours`;
        reject(new Error(`${what} (${error.code ?? error.message})${why}`));
      };
      this.#server.once('error', refused);
      // Unknown to Node below 22.12, and not to be had elsewhere than on Linux.
      const options: ListenOptions & { reusePort: boolean } = { host, port, reusePort: process.platform === 'linux' };
      this.#server.listen(options, () => {
        this.#server.off('error', refused);
        const address = this.#server.address();
        resolve(address === null || typeof address === 'string' ? port : address.port);
      });
    });
  }

  renew(keyPair: KeyPair): boolean {
    this.#renew?.(keyPair);
    return this.#renew !== undefined;
  }

  dismiss(): void {
    this.#shared.dismissed = true;
    this.#http2?.dismiss();
  }

  stopListening(): void {
    if (this.#server.listening) this.#server.close();
  }

  close(): void {
    this.stopListening();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #connected(socket: Socket): void {
    this.#keep(socket);
    const connection = new Connection(socket, this.#idleMs);
    if (this.#http2 === undefined) this.#http1.serve(connection);
    else this.#serveEither(connection, this.#http2);
  }

  #serveEither(connection: Connection, http2: Http2): void {
    const { socket } = connection;
    let begun = Buffer.alloc(0);
    const look = (chunk: Buffer): void => {
      begun = Buffer.concat([begun, chunk]);
      const bytes = Math.min(begun.byteLength, PREFACE.byteLength);
      const isPreface = begun.subarray(0, bytes).equals(PREFACE.subarray(0, bytes));
      if (isPreface && bytes < PREFACE.byteLength) return;
      socket.off('data', look);
      socket.pause();
      socket.unshift(begun);
      if (isPreface) http2.serve(connection);
      else {
        this.#http1.serve(connection);
        socket.resume();
      }
    };
    socket.on('data', look);
  }
}

const SHARING = 'Processes share a port with server.socket "node" on Linux with Node 22.12 or later only';

function contextOf({ certFile, keyFile }: KeyPair): TlsOptions {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' };
}
