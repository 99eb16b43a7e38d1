import type { MessagePort } from 'node:worker_threads';
import type { FromInspector, ToInspector } from '../contract/messages.ts';

/**
 * From this size on, handing the memory over is cheaper than copying it: bench/micro/thread-hop.bench.ts.
 */
const TRANSFER_FROM_BYTES = 16 * 1024;

/** undici's and uWebSockets' chunks are views on a larger read; posting a view copies all of it. Copy what we keep. */
export function keep(view: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view);
}

/** What nobody waits for is held back this long for company: a post wakes a thread, which costs more than it carries. */
const GATHER_MS = 5;

/** What somebody waits for leaves at once, unless something just did: then with what else the turn brings. */
const HELD_MS = 0.5;

/**
 * What a thread does cools within milliseconds: processors sleep, and others use their caches. So long after it was told
 * something it is not woken, so that one with much to do never is.
 */
const AWAKE_MS = 5;

/**
 * One end of a thread's port: messages of one turn of the event loop leave together, since a post costs microseconds
 * whatever its size.
 */
export class Outbox<T> {
  readonly #port: MessagePort;
  readonly #buffersOf: (message: T) => Uint8Array<ArrayBuffer> | undefined;
  readonly #joined: (last: T, next: T) => T | undefined;
  #messages: T[] = [];
  #transfers: ArrayBuffer[] = [];
  #scheduled = false;
  #gathering = false;
  #closed = false;
  #leftAtMs = -Infinity;
  #wokeAtMs = -Infinity;

  /** `joined`: one message that says what two that follow each other say, where there is one. */
  constructor(
    port: MessagePort,
    buffersOf: (message: T) => Uint8Array<ArrayBuffer> | undefined,
    joined: (last: T, next: T) => T | undefined = () => undefined,
  ) {
    this.#port = port;
    this.#buffersOf = buffersOf;
    this.#joined = joined;
  }

  /** Gives the message's bytes away: not to be touched after it. */
  post(message: T): void {
    if (!this.#add(message) || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** The same for what a client waits for: a long turn does not hold it. */
  postNow(message: T): void {
    if (performance.now() - this.#leftAtMs < HELD_MS) this.post(message);
    else if (this.#add(message)) this.flush();
  }

  /** The same for what nobody waits for: it leaves with the next message that is posted, or a little later. */
  postLater(message: T): void {
    if (!this.#add(message) || this.#gathering) return;
    this.#gathering = true;
    setTimeout(() => {
      this.#gathering = false;
      this.flush();
    }, GATHER_MS);
  }

  /** Says so to who sleeps at the other end, and to nobody else. What is posted right after it is not held for it. */
  wake(message: T): void {
    const nowMs = performance.now();
    if (this.#closed || nowMs - Math.max(this.#leftAtMs, this.#wokeAtMs) < AWAKE_MS) return;
    this.#wokeAtMs = nowMs;
    this.#port.postMessage([message]);
  }

  /** False where nobody will read it. */
  #add(message: T): boolean {
    if (this.#closed) return false;
    const last = this.#messages.at(-1);
    const joined = last === undefined ? undefined : this.#joined(last, message);
    if (joined !== undefined) {
      this.#messages[this.#messages.length - 1] = joined;
      return true;
    }
    const bytes = this.#buffersOf(message);
    if (bytes !== undefined && bytes.byteLength >= TRANSFER_FROM_BYTES) this.#transfers.push(bytes.buffer);
    this.#messages.push(message);
    return true;
  }

  flush(): void {
    if (this.#messages.length === 0 || this.#closed) return;
    const messages = this.#messages;
    const transfers = this.#transfers;
    this.#messages = [];
    this.#transfers = [];
    this.#port.postMessage(messages, transfers);
    this.#leftAtMs = performance.now();
  }

  close(): void {
    this.flush();
    this.#closed = true;
  }
}

export function bytesToInspector(message: ToInspector): Uint8Array<ArrayBuffer> | undefined {
  switch (message.kind) {
    case 'request':
    case 'bytes':
      return message.bytes;
    case 'scan':
    case 'decide':
      return message.body;
    default:
      return undefined;
  }
}

export function bytesFromInspector(message: FromInspector): Uint8Array<ArrayBuffer> | undefined {
  switch (message.kind) {
    case 'release':
      return message.kept;
    case 'scanned':
    case 'decided':
      return message.body;
    default:
      return undefined;
  }
}

/** Credit is a sum: of an exchange's request and response, and of all exchanges of a turn, one is told. */
export function joinedCredit(last: FromInspector, next: FromInspector): FromInspector | undefined {
  if (last.kind !== 'credit' || next.kind !== 'credit') return undefined;
  return { kind: 'credit', bytes: last.bytes + next.bytes };
}
