import { hash } from 'node:crypto';
import { createServer as createPlainServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { systemClock } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { Ledger } from './books.ts';
import type { BookEntry, Books } from './books.ts';
import { Composer } from './composer.ts';
import type { About, Composed } from './composer.ts';
import { seenCredentials } from './credentials.ts';
import type { SeenCredentials } from './credentials.ts';
import { deliver } from './delivery.ts';
import { decodeRequest } from './encoding.ts';
import { errorAnswer } from './fault.ts';
import { Fixtures, defaultFixturesDir } from './fixtures.ts';
import { Gate } from './gate.ts';
import { DEFAULT_MODELS } from './models.ts';
import { dialectOf, routeOf } from './routes.ts';
import type { Route } from './routes.ts';
import { Wire } from './wire.ts';
import { acceptTurns, isTurns } from './turns.ts';

export interface SimulatorOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Where `fixture=` reads; by default the checkout's own. */
  fixturesDir?: string;
  /** PEM texts: serve HTTPS. */
  tls?: { key: string; cert: string };
  /** The one credential that may arrive. Others are noted in the books. */
  expectedKey?: string;
  /** Answer 401 to anything but `expectedKey`. */
  requireKey?: boolean;
  /** What the model lists show. */
  models?: readonly string[];
  /** Settings that hold for every request, before its own. */
  settings?: string;
  /** Entries that the books keep. */
  booksCapacity?: number;
  /** SHA-256 of bodies in the books; costs a few microseconds per request. */
  digests?: boolean;
  /** A provider closes idle connections after a while, without a word. Milliseconds. */
  idleMs?: number;
  clock?: Clock;
}

export interface Simulator {
  readonly port: number;
  readonly url: string;
  /** What the provider knows; `since` and `tag` select entries. */
  books(since?: number, tag?: string): Books;
  /** Forgets books and stored responses. */
  reset(): void;
  /** Lets the streams go that are held. */
  release(): void;
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

const BOOKS_CAPACITY = 20_000;

/** Twice what a gateway lets through by default. */
const MOST_BODY_BYTES = 128 * 1024 * 1024;

const MOST_HEADER_BYTES = 128 * 1024;

/** Between the 30 and 120 seconds that real providers wait. */
const IDLE_MS = 75_000;

/** Starts a provider that answers, stalls, splits and breaks as asked (docs/simulator.md). Rejects when it cannot listen. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const provider = new Provider(options);
  await provider.listen();
  return provider;
}

class Provider implements Simulator {
  readonly #options: SimulatorOptions;
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #composer: Composer;
  readonly #server: Server;
  readonly #upgraded = new Set<Socket>();
  readonly #digests: boolean;
  readonly #gate = new Gate();
  port = 0;
  url = '';

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#digests = options.digests ?? true;
    this.#ledger = new Ledger(options.booksCapacity ?? BOOKS_CAPACITY);
    const fixtures = new Fixtures(options.fixturesDir ?? defaultFixturesDir());
    this.#composer = new Composer(fixtures, options.models ?? DEFAULT_MODELS, () => this.#clock.nowMs());
    const settings = { maxHeaderSize: MOST_HEADER_BYTES, noDelay: true, requestTimeout: 0, headersTimeout: 0 };
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      this.#receive(request, response);
    };
    this.#server =
      options.tls === undefined
        ? createPlainServer(settings, onRequest)
        : createTlsServer({ ...settings, ...options.tls }, onRequest);
    this.#server.keepAliveTimeout = options.idleMs ?? IDLE_MS;
    this.#server.on('connection', () => {
      this.#ledger.totals.connections += 1;
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgraded.add(socket);
      socket.once('close', () => this.#upgraded.delete(socket));
      if (options.tls === undefined && isTurns(request)) acceptTurns(request, socket, head, this.url);
      else this.#refuseUpgrade(socket);
    });
    // A client that breaks off is its own business.
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the simulator listens on no port');
    this.port = address.port;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    this.url = `${this.#options.tls === undefined ? 'http' : 'https'}://${host}:${address.port}`;
  }

  books(since?: number, tag?: string): Books {
    return this.#ledger.read(since, tag);
  }

  reset(): void {
    this.#ledger.reset();
    this.#composer.reset();
  }

  release(): void {
    this.#gate.release();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
      for (const socket of this.#upgraded) socket.destroy();
    });
  }

  /** A WebSocket that we do not have: said so, clients fall back at once. */
  #refuseUpgrade(socket: Socket): void {
    this.#ledger.totals.upgrades += 1;
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let refused = false;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= MOST_BODY_BYTES) chunks.push(chunk);
      else if (!refused) {
        refused = true;
        chunks.length = 0;
        const shaped = errorAnswer(
          'anthropic',
          { status: 413, message: 'Request exceeds the maximum size' },
          'req_413',
        );
        response.writeHead(413, [...shaped.headers, 'connection', 'close']);
        response.end(shaped.body);
      }
    });
    request.on('end', () => {
      if (refused) return;
      try {
        this.#respond(request, response, chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks));
      } catch {
        this.#failed(response);
      }
    });
    request.on('close', () => {
      if (!request.complete) this.#ledger.totals.half_requests += 1;
    });
    // The socket's end is told by 'close'.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
  }

  #respond(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? '' : url.slice(mark + 1);
    if (path.startsWith('/__sim/')) {
      this.#own(request.method ?? '', path, query, response);
      return;
    }
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    const route = routeOf(request.method ?? '', path, query, header);
    const credentials = seenCredentials(request, query, this.#options.expectedKey);
    if (this.#options.requireKey === true && credentials.credential !== 'expected') {
      this.#refuseKey(route, response);
      return;
    }
    const composed = this.#composer.compose({
      route,
      header,
      defaultSettings: this.#options.settings ?? '',
      headerSettings: header('x-sim') ?? '',
      body: decodeRequest(header('content-encoding'), body, MOST_BODY_BYTES),
    });
    const entry = this.#entryOf(composed.about, credentials, body);
    this.#ledger.open(entry);
    this.#send(composed, entry, response, request.socket);
  }

  /** Written out: copying one object into another by spreading showed in profiles. */
  #entryOf(about: About, credentials: SeenCredentials, body: Buffer): BookEntry {
    return {
      number: 0,
      id: about.id,
      request_id: about.request_id,
      tag: about.tag,
      api: about.api,
      model: about.model,
      model_served: about.model_served,
      stream: about.stream,
      status: about.status,
      usage: about.usage,
      usage_told: null,
      usage_state: 'absent',
      stop: about.stop,
      web_searches: about.web_searches,
      ending: 'live',
      events_sent: 0,
      bytes_sent: 0,
      sha256: null,
      request_bytes: body.byteLength,
      request_sha256: this.#digests ? hash('sha256', body, 'hex') : null,
      credential: credentials.credential,
      other_credentials: credentials.others,
      started_at_ms: this.#clock.nowMs(),
      ended_at_ms: null,
    };
  }

  #send(composed: Composed, entry: BookEntry, response: ServerResponse, socket: Socket): void {
    const { answer, steering, told } = composed;
    const wire = new Wire(response, socket, steering, composed.splitOffsets, this.#digests);
    const progress = {
      get eventsSent(): number {
        return entry.events_sent;
      },
      set eventsSent(count: number) {
        entry.events_sent = count;
        entry.bytes_sent = wire.bytes;
      },
    };
    response.once('close', () => {
      const left = !wire.finished && wire.ending !== 'cut';
      entry.ending = left ? 'client_left' : wire.ending === 'live' ? 'complete' : wire.ending;
      entry.usage_told = told.usage;
      entry.usage_state = told.state;
      entry.bytes_sent = wire.bytes;
      entry.sha256 = wire.sha256();
      entry.ended_at_ms = this.#clock.nowMs();
      this.#ledger.close(entry);
      if (entry.ending === 'complete' && steering.idle_close !== undefined) wire.closeWhenIdle(steering.idle_close);
    });
    deliver(answer, steering, wire, progress, this.#gate, this.#clock).catch(() => {
      this.#failed(response);
    });
  }

  /** A bug of ours ends its request and is counted. */
  #failed(response: ServerResponse): void {
    this.#ledger.totals.bugs += 1;
    response.destroy();
  }

  #refuseKey(route: Route, response: ServerResponse): void {
    const shaped = errorAnswer(dialectOf(route), { status: 401, message: 'Incorrect API key provided.' }, 'req_401');
    response.writeHead(401, shaped.headers);
    response.end(shaped.body);
  }

  /** The simulator's own pages: its books, and its gate. */
  #own(method: string, path: string, query: string, response: ServerResponse): void {
    const asked = new URLSearchParams(query);
    if (method === 'GET' && path === '/__sim/books') {
      const books = this.books(Number(asked.get('since') ?? '0'), asked.get('tag') ?? undefined);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(books));
    } else if (method === 'POST' && path === '/__sim/reset') {
      this.reset();
      response.writeHead(204);
      response.end();
    } else if (method === 'POST' && path === '/__sim/release') {
      this.release();
      response.writeHead(204);
      response.end();
    } else {
      response.writeHead(404);
      response.end();
    }
  }
}

const EMPTY = Buffer.alloc(0);
