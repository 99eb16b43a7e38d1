import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { errorChain } from '../lib/log.ts';
import { createConnector } from './connector.ts';

export interface UpstreamRequest {
  /** `https://api.example.com`, from config alone. */
  origin: string;
  path: string;
  method: string;
  /** Name, value, name, value, ... */
  headers: string[];
  /** Sent as it is; not touched until the exchange has ended. */
  body: Uint8Array | null;
}

export interface UpstreamFailure {
  /** False when no byte of the request can have left: only then may it be sent again. */
  sent: boolean;
  kind: 'unreachable' | 'connect_timeout' | 'invalid' | 'broken';
  why: string;
}

/** Called in order; after `end` or `failed` nothing more comes. Chunks are views: copy what outlives the turn. */
export interface UpstreamEvents {
  /** It is written, or will be as soon as the connection stands that is being opened for it: what comes next is not our time. */
  leaving(): void;
  head(status: number, headers: [string, string][]): void;
  data(chunk: Uint8Array): void;
  end(): void;
  failed(failure: UpstreamFailure): void;
}

export interface UpstreamCall {
  pause(): void;
  resume(): void;
  /** Closes the connection. No event follows. */
  abort(): void;
}

export interface Upstreams {
  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall;
  close(): Promise<void>;
}

export interface UpstreamOptions {
  connectTimeoutMs: number;
}

/**
 * How long an idle connection is kept where the provider does not say: providers close theirs after 30 to 120 s
 * (failure-modes row 26), and a request on a connection that is being closed is lost.
 */
const IDLE_SOCKET_MS = 20_000;

/** A provider's own `keep-alive: timeout=…` is believed up to this. */
const IDLE_SOCKET_MAX_MS = 120_000;

/** The reason given to undici for our own aborts; nobody sees it. */
const ABORTED = new Error('aborted by the gateway');

/** Upstream connections, pooled by origin, over undici. Sockets outlive a change of config. */
export function createUpstreams(options: UpstreamOptions): Upstreams {
  const connect = createConnector(options.connectTimeoutMs);
  let connectionsBegun = 0;
  const agent = new Agent({
    // Our own timers are the only authority (failure-modes row 25): undici's default kills silent streams at 300 s.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_SOCKET_MS,
    keepAliveMaxTimeout: IDLE_SOCKET_MAX_MS,
    pipelining: 1,
    // How many exchanges run at once is the front door's to limit (server.limits.concurrent).
    connections: null,
    connect: (target, callback) => {
      connectionsBegun += 1;
      connect(target, callback);
    },
    maxHeaderSize: 64 * 1024,
  });
  return {
    call(request, events) {
      const call = new Call(events);
      const begunBefore = connectionsBegun;
      try {
        agent.dispatch(
          {
            origin: request.origin,
            path: request.path,
            method: request.method,
            headers: request.headers,
            body: request.body,
          },
          call,
        );
        // undici begins a connection before it returns. On one that it had, it writes a turn later, having looked whether
        // the provider has closed it meanwhile (client-h1.js, scheduleIdleSocketValidation): that turn is ours.
        if (connectionsBegun !== begunBefore) call.leaving();
      } catch (error) {
        // Arguments that undici refuses: nothing was sent.
        call.failed(error);
      }
      return call;
    },
    async close() {
      await agent.destroy();
    },
  };
}

/**
 * undici's older kind of handler. It wraps a newer one into such a one, and then makes an object of each answer's headers that
 * nobody here reads: a fortieth of all that a request cost this thread. What undici 8 takes is the newer kind; Node 20 has 7.
 */
class Call implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #events: UpstreamEvents;
  #abortRequest: ((error: Error) => void) | undefined;
  #readOn: (() => void) | undefined;
  #paused = false;
  #left = false;
  #sent = false;
  #over = false;

  constructor(events: UpstreamEvents) {
    this.#events = events;
  }

  leaving(): void {
    if (this.#left || this.#over) return;
    this.#left = true;
    this.#events.leaving();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#readOn?.();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#abortRequest?.(ABORTED);
  }

  onConnect(abort: (error?: Error) => void): void {
    // Called as undici is about to write. A request that was aborted while it waited for a connection ends here.
    this.#abortRequest = abort;
    if (this.#over) {
      abort(ABORTED);
      return;
    }
    this.#sent = true;
  }

  /** The system has it, or as much of it as it takes now. */
  onRequestSent(): void {
    this.leaving();
  }

  /** False, as of `onData`: undici reads on when it is told to. */
  onHeaders(status: number, headers: Buffer[], readOn: () => void): boolean {
    this.#readOn = readOn;
    // 1xx heads are between the provider and us.
    if (!this.#over && status >= 200) this.#events.head(status, pairsOf(headers));
    return !this.#paused;
  }

  onData(chunk: Buffer): boolean {
    if (!this.#over) this.#events.data(chunk);
    return !this.#paused;
  }

  onComplete(): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.end();
  }

  onError(error: unknown): void {
    this.failed(error);
  }

  failed(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.failed({ sent: this.#sent, kind: kindOf(error, this.#sent), why: errorChain(error) });
  }
}

/** Names in lower case. UTF-8, since that is how the socket layer writes strings again: bytes beyond ASCII stay what they were. */
function pairsOf(raw: readonly Buffer[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    pairs.push([(raw[i]?.toString('utf8') ?? '').toLowerCase(), raw[i + 1]?.toString('utf8') ?? '']);
  }
  return pairs;
}

function kindOf(error: unknown, sent: boolean): UpstreamFailure['kind'] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'connect_timeout';
  if (!sent) return 'unreachable';
  // By name: undici does not know the code of every parser error.
  const isParserError = error instanceof Error && error.name === 'HTTPParserError';
  if (isParserError || code === 'UND_ERR_HEADERS_OVERFLOW') return 'invalid';
  return 'broken';
}
