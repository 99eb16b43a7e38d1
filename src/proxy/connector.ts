import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/** What of undici's response parser is used here. */
interface Parser {
  /** It waits for the response's reader, which is slow. */
  paused: boolean;
  /** False: the provider closes the connection after the response. */
  shouldKeepAlive: boolean;
  resume(): void;
  llhttp: { llhttp_resume(pointer: number): void };
  ptr: number;
}

/**
 * undici's own connector, with sockets whose end may find the response paused. undici 7 asserts that this never happens,
 * in the socket's event, where nobody can catch it: a client slower than a provider that closes its connections would end
 * the process (failure mode 27). undici 8 has it right (nodejs/undici#5474) and needs Node 22: this file goes with it.
 */
export function createConnector(connectTimeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: connectTimeoutMs, noDelay: true });
  return (options, callback) => {
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      // Before undici's own listeners. After an error there is no socket, whatever the typings say it is then.
      if (error === null) endsWhilePaused(socket);
      callback(...outcome);
    });
  };
}

function endsWhilePaused(socket: Socket): void {
  // All that came was handed on before a socket says that it has ended: what is left to learn is only that.
  socket.on('end', () => {
    const parser = parserOf(socket);
    if (parser?.paused !== true) return;
    // A body of known length is complete with this.
    parser.resume();
    if (!isPaused(parser) || socket.destroyed) return;
    // One that only this end ends pauses again, before undici tells it so.
    parser.llhttp.llhttp_resume(parser.ptr);
    parser.paused = false;
  });
  // A connection that broke is no end of a response, even where the end of the connection would have been one.
  const broken = (): void => {
    const parser = parserOf(socket);
    if (parser?.paused === true) parser.shouldKeepAlive = true;
  };
  socket.on('error', broken);
  socket.on('close', broken);
}

/** undici hangs its parser on the socket, under a symbol of this name; undefined before the first request. */
function parserOf(socket: Socket): Parser | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser');
  const value: unknown = key === undefined ? undefined : Reflect.get(socket, key);
  return isParser(value) ? value : undefined;
}

/** A call of its own: the compiler does not know that `resume` changes it. */
function isPaused(parser: Parser): boolean {
  return parser.paused;
}

function isParser(value: unknown): value is Parser {
  return (
    typeof value === 'object' &&
    value !== null &&
    'paused' in value &&
    'shouldKeepAlive' in value &&
    'resume' in value &&
    typeof value.resume === 'function' &&
    'llhttp' in value &&
    'ptr' in value
  );
}
