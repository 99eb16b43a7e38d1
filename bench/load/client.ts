import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { systemClock } from '../../src/lib/clock.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { ResponseReader } from './response-reader.ts';
import { Samples } from './samples.ts';
import { StreamCounter } from './stream-counter.ts';

/** When requests start. */
export type Arrivals =
  /** Each connection sends its next request when the last is answered, until `requests` were sent or time is up. */
  | { kind: 'closed'; requests: number; forMs?: number }
  /**
   * A request is due each 1/rate seconds, whatever the server does. One that waits for a free connection is measured from
   * when it was due: a stalling server cannot hide by slowing the load.
   */
  | { kind: 'open'; perSecond: number; requests: number };

export interface LoadOptions {
  host: string;
  port: number;
  /** At most so many at once; in an open loop they are opened as needed. */
  connections: number;
  arrivals: Arrivals;
  /** Bytes of request number `index`, head and body. Make them once if they do not differ. */
  request: (index: number) => Uint8Array;
  /** Told of each piece of a body as it comes. A view: take what you need in the callback. */
  onBody?: (index: number, bytes: Uint8Array) => void;
  /** Told of each whole answer: its status, when it was due or sent, and its last byte after that. Milliseconds. */
  onAnswer?: (index: number, status: number, fromMs: number, latencyMs: number) => void;
  /** The first so many requests are sent and counted, but not measured. */
  warmUp?: number;
  /** A response that takes longer has failed. Milliseconds. */
  timeoutMs?: number;
  clock?: Clock;
}

export interface LoadResult {
  sent: number;
  /** Answered whole, by status. */
  statuses: Record<string, number>;
  /** Not answered whole, by reason. */
  failures: Record<string, number>;
  /** Events of all bodies that came as `text/event-stream` or otherwise: blank-line separated blocks. */
  events: number;
  bodyBytes: number;
  connectionsOpened: number;
  /** From the first request to the last answer, warm-up included. */
  elapsedMs: number;
  /** Milliseconds from when a request was due (open loop) or sent (closed loop) to its last byte, to its first byte. */
  latencyMs: Float64Array;
  firstByteMs: Float64Array;
  /** Milliseconds from the stamp in each event to its arrival here. Only where the simulator stamps (`stamp=1`). */
  forwardingMs: Float64Array;
  /** How late requests of an open loop were sent: large values mean that the generator was the bottleneck. */
  lateMs: Float64Array;
}

const TIMEOUT_MS = 60_000;

/** Applies a load and returns every sample. Rejects only when nothing could be sent at all. */
export function applyLoad(options: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve) => {
    new Load(options, resolve).start();
  });
}

interface Job {
  index: number;
  dueAtMs: number;
}

class Load {
  readonly options: LoadOptions;
  readonly clock: Clock;
  readonly #done: (result: LoadResult) => void;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  /** Open loop: due, but without a connection. Bounded by the number of requests. */
  readonly #waiting: Job[] = [];
  #waitingFrom = 0;
  #next = 0;
  #settled = 0;
  #startedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  readonly statuses: Record<string, number> = {};
  readonly failures: Record<string, number> = {};
  readonly latency = new Samples();
  readonly firstByte = new Samples();
  readonly forwarding = new Samples();
  readonly late = new Samples();
  events = 0;
  bodyBytes = 0;
  connectionsOpened = 0;

  constructor(options: LoadOptions, done: (result: LoadResult) => void) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.#done = done;
  }

  start(): void {
    this.#startedAtMs = this.clock.nowMs();
    const { arrivals, connections } = this.options;
    this.#timer = setInterval(() => {
      this.#expire();
    }, 100);
    if (arrivals.kind === 'open') {
      this.#release();
      return;
    }
    for (let i = 0; i < Math.min(connections, arrivals.requests); i += 1) this.#connection().send(this.#job(0));
  }

  #job(dueAtMs: number): Job {
    const job = { index: this.#next, dueAtMs };
    this.#next += 1;
    return job;
  }

  measures(job: Job): boolean {
    return job.index >= (this.options.warmUp ?? 0);
  }

  #connection(): Connection {
    const connection = new Connection(this);
    this.#all.add(connection);
    this.connectionsOpened += 1;
    return connection;
  }

  /** Open loop: starts what is due, then comes back when the next is. */
  #release(): void {
    const { arrivals } = this.options;
    if (arrivals.kind !== 'open') return;
    const gapMs = 1000 / arrivals.perSecond;
    const now = this.clock.nowMs();
    while (this.#next < arrivals.requests && this.#startedAtMs + this.#next * gapMs <= now) {
      this.#waiting.push(this.#job(this.#startedAtMs + this.#next * gapMs));
    }
    this.#serve();
    if (this.#next >= arrivals.requests) return;
    const dueAtMs = this.#startedAtMs + this.#next * gapMs;
    // Timers are a millisecond coarse: several requests may start together, each is measured from its own time.
    setTimeout(
      () => {
        this.#release();
      },
      Math.max(0, dueAtMs - this.clock.nowMs()),
    );
  }

  #serve(): void {
    for (;;) {
      const job = this.#waiting[this.#waitingFrom];
      if (job === undefined) return;
      const free = this.#idle.pop() ?? (this.#all.size < this.options.connections ? this.#connection() : undefined);
      if (free === undefined) return;
      this.#waitingFrom += 1;
      if (this.measures(job)) this.late.add(this.clock.nowMs() - job.dueAtMs);
      free.send(job);
    }
  }

  /** A connection has its answer, or lost it. `reusable`: it can take another request. */
  settle(connection: Connection, reusable: boolean): void {
    this.#settled += 1;
    if (!reusable) {
      this.#all.delete(connection);
      connection.close();
    }
    const { arrivals } = this.options;
    if (arrivals.kind === 'open') {
      if (reusable) this.#idle.push(connection);
      this.#serve();
    } else if (this.#more(arrivals)) (reusable ? connection : this.#connection()).send(this.#job(0));
    if (
      this.#settled === this.#next &&
      !(arrivals.kind === 'open' ? this.#next < arrivals.requests : this.#more(arrivals))
    ) {
      this.#finish();
    }
  }

  #more(arrivals: Arrivals & { kind: 'closed' }): boolean {
    if (this.#stopping || this.#next >= arrivals.requests) return false;
    this.#stopping = this.clock.nowMs() - this.#startedAtMs > (arrivals.forMs ?? Number.POSITIVE_INFINITY);
    return !this.#stopping;
  }

  /** An idle connection that the server closed takes no more requests. */
  lost(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  fail(reason: string): void {
    this.failures[reason] = (this.failures[reason] ?? 0) + 1;
  }

  #expire(): void {
    const now = this.clock.nowMs();
    const limit = this.options.timeoutMs ?? TIMEOUT_MS;
    for (const connection of [...this.#all]) connection.expire(now, limit);
  }

  #finish(): void {
    clearInterval(this.#timer);
    for (const connection of this.#all) connection.close();
    this.#done({
      sent: this.#next,
      statuses: this.statuses,
      failures: this.failures,
      events: this.events,
      bodyBytes: this.bodyBytes,
      connectionsOpened: this.connectionsOpened,
      elapsedMs: this.clock.nowMs() - this.#startedAtMs,
      latencyMs: this.latency.values(),
      firstByteMs: this.firstByte.values(),
      forwardingMs: this.forwarding.values(),
      lateMs: this.late.values(),
    });
  }
}

/** One keep-alive connection, with at most one request under way. */
class Connection {
  readonly #load: Load;
  readonly #socket: Socket;
  readonly #reader: ResponseReader;
  #counter: StreamCounter;
  #job: Job | undefined;
  #sentAtMs = 0;
  #readAtMs = 0;
  #closed = false;

  constructor(load: Load) {
    this.#load = load;
    const { host, port } = load.options;
    this.#socket = connect({ host, port, noDelay: true });
    this.#counter = this.#newCounter();
    this.#reader = new ResponseReader({
      first: () => {
        if (this.#job !== undefined && load.measures(this.#job)) load.firstByte.add(this.#readAtMs - this.#from());
      },
      body: (bytes) => {
        load.bodyBytes += bytes.length;
        if (this.#job !== undefined) load.options.onBody?.(this.#job.index, bytes);
        this.#counter.push(bytes);
      },
      end: (status, reusable) => {
        this.#ended(status, reusable);
      },
    });
    this.#socket.on('data', (bytes) => {
      this.#readAtMs = load.clock.nowMs();
      try {
        this.#reader.push(bytes);
      } catch {
        this.#failed('not_http');
      }
    });
    this.#socket.on('end', () => {
      if (!this.#reader.close()) this.#failed('cut');
      this.#gone('closed');
    });
    this.#socket.on('error', (error) => {
      this.#gone('code' in error && typeof error.code === 'string' ? error.code : 'socket');
    });
    this.#socket.on('close', () => {
      this.#gone('closed');
    });
  }

  #newCounter(): StreamCounter {
    const load = this.#load;
    return new StreamCounter((epochUs) => {
      // All events of one read of the socket arrived then.
      if (this.#job !== undefined && load.measures(this.#job)) load.forwarding.add(this.#readAtMs - epochUs / 1000);
    });
  }

  send(job: Job): void {
    this.#job = job;
    this.#sentAtMs = this.#load.clock.nowMs();
    this.#counter = this.#newCounter();
    this.#socket.write(this.#load.options.request(job.index));
  }

  /** From when the answer is measured. */
  #from(): number {
    const due = this.#job?.dueAtMs ?? 0;
    return due === 0 ? this.#sentAtMs : due;
  }

  #ended(status: number, reusable: boolean): void {
    const job = this.#job;
    if (job === undefined) return;
    const load = this.#load;
    load.statuses[status] = (load.statuses[status] ?? 0) + 1;
    load.events += this.#counter.events;
    const latencyMs = this.#readAtMs - this.#from();
    if (load.measures(job)) load.latency.add(latencyMs);
    load.options.onAnswer?.(job.index, status, this.#from(), latencyMs);
    this.#job = undefined;
    load.settle(this, reusable);
  }

  #failed(reason: string): void {
    if (this.#job === undefined) return;
    this.#load.events += this.#counter.events;
    this.#job = undefined;
    this.#load.fail(reason);
    this.#load.settle(this, false);
  }

  #gone(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#job === undefined) this.#load.lost(this);
    else this.#failed(reason);
    this.#socket.destroy();
  }

  expire(nowMs: number, limitMs: number): void {
    if (this.#job !== undefined && nowMs - this.#sentAtMs > limitMs) this.#failed('timeout');
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}

/** A POST as raw bytes. `headers` besides host, content-type and content-length. */
export function rawPost(path: string, body: string, headers: Record<string, string> = {}): Buffer {
  const lines = Object.entries({
    host: 'load',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body).toString(),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
