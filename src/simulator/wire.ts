import { createHash, hash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { StreamEncoder, encodeWhole } from './encoding.ts';
import type { Ending } from './books.ts';
import type { Steering } from './steering.ts';

/** How long a connection that we half-closed may take to go away before we drop it. */
const LINGER_MS = 2000;

/**
 * A reader on libuv that finds the last bytes and a reset together takes the reset for a plain end: let it read the bytes
 * first, so that a reset is seen as one.
 */
const RESET_AFTER_MS = 20;

/**
 * The way of one answer to its client: counts and digests the body's bytes, encodes, cuts them in pieces, breaks them
 * off where the request said so. Without such settings a write goes straight to Node's response.
 */
export class Wire {
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  readonly #steering: Steering;
  readonly #plain: boolean;
  /** The head is written by hand, byte by byte or with a false length; so must be what follows. */
  readonly #raw: boolean;
  readonly #digests: boolean;
  readonly #onGone = new Set<() => void>();
  #digest: Hash | undefined;
  #chunked = false;
  /** Node has the head, but holds it back for the first bytes of the body: one write less. */
  #headHeld = false;
  #encoder: StreamEncoder | undefined;
  #closed = false;
  #sha256: string | null = null;
  bytes = 0;
  ending: Ending = 'live';

  constructor(response: ServerResponse, socket: Socket, steering: Steering, splitOffsets: number[], digests: boolean) {
    this.#response = response;
    this.#socket = socket;
    this.#steering =
      splitOffsets.length > 0 && steering.split === undefined ? { ...steering, split: splitOffsets } : steering;
    const s = this.#steering;
    this.#plain =
      s.split === undefined && s.chunk === undefined && typeof s.cut_at !== 'number' && s.encoding === undefined;
    this.#raw = s.slow_head !== undefined || s.content_length !== undefined || s.junk_after !== undefined;
    this.#digests = digests;
    response.once('close', () => {
      this.#closed = true;
      for (const wake of this.#onGone) wake();
      this.#onGone.clear();
    });
  }

  /** Nothing more can be sent: the client left, or we broke off. */
  isOver(): boolean {
    return this.#closed || this.ending !== 'live';
  }

  #releaseHead(): void {
    if (!this.#headHeld) return;
    this.#headHeld = false;
    this.#response.flushHeaders();
  }

  /** Settles when the connection is gone or the answer is done. */
  gone(): Promise<void> {
    this.#releaseHead();
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#onGone.add(resolve));
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  /** Of the body as sent; call once, at the end. */
  sha256(): string | null {
    if (!this.#digests) return null;
    return this.#sha256 ?? (this.#digest ?? createHash('sha256')).digest('hex');
  }

  /** Settles after `ms`, or at once when the client leaves. */
  sleep(ms: number): Promise<void> {
    this.#releaseHead();
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#onGone.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#onGone.add(wake);
    });
  }

  /** The whole answer in one go, where no setting forbids it. False: nothing was sent, take the long way. */
  sendAtOnce(status: number, headers: string[], body: string | Uint8Array): boolean {
    if (!this.#plain || this.#raw) return false;
    const size = Buffer.byteLength(body);
    headers.push('content-length', size.toString());
    if (this.#digests) this.#sha256 = hash('sha256', body, 'hex');
    this.bytes = size;
    this.#response.writeHead(status, headers);
    // A string leaves in one write with the head, a buffer in a second one: twice the price.
    this.#response.end(body);
    return true;
  }

  /** `length`: of a body that is sent whole; undefined: chunked. */
  async head(status: number, headers: string[], length: number | undefined): Promise<void> {
    const { encoding } = this.#steering;
    const all = encoding === undefined ? headers : [...headers, 'content-encoding', encoding];
    if (encoding !== undefined && length === undefined) this.#encoder = new StreamEncoder(encoding);
    this.#chunked = length === undefined;
    const framing =
      length === undefined
        ? ['transfer-encoding', 'chunked']
        : ['content-length', (length + (this.#steering.content_length ?? 0)).toString()];
    if (this.#raw) await this.#rawHead(status, [...all, ...framing]);
    else {
      this.#response.writeHead(status, this.#chunked ? all : [...all, ...framing]);
      this.#headHeld = true;
    }
  }

  async #rawHead(status: number, headers: string[]): Promise<void> {
    let head = `HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Simulated'}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`;
    const bytes = Buffer.from(`${head}\r\n`, 'latin1');
    const pause = (this.#steering.slow_head ?? 0) / bytes.length;
    if (pause === 0) {
      this.#socket.write(bytes);
      return;
    }
    const startedAt = performance.now();
    for (let i = 0; i < bytes.length && !this.isOver();) {
      const due = Math.min(bytes.length, 1 + Math.floor((performance.now() - startedAt) / pause));
      if (due > i) this.#socket.write(bytes.subarray(i, due));
      i = Math.max(i, due);
      await this.sleep(Math.max(1, pause));
    }
  }

  /** Undefined when there is room for more at once. */
  send(text: string | Uint8Array): Promise<void> | undefined {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    if (!this.#plain) return this.#sendShaped(bytes);
    return this.#out(bytes) ? undefined : this.#drained();
  }

  /** A whole body after `head`, encoded already. */
  async sendWhole(bytes: Uint8Array): Promise<void> {
    await this.#pieces(bytes);
  }

  encodedWhole(bytes: Uint8Array): Uint8Array {
    return this.#steering.encoding === undefined ? bytes : encodeWhole(this.#steering.encoding, bytes);
  }

  async #sendShaped(bytes: Uint8Array): Promise<void> {
    await this.#pieces(this.#encoder === undefined ? bytes : await this.#encoder.encode(bytes));
  }

  async #pieces(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.byteLength && !this.isOver()) {
      const end = Math.min(bytes.byteLength, at + this.#untilBorder());
      if (end > at && !this.#out(bytes.subarray(at, end))) await this.#drained();
      at = end;
      if (this.#steering.cut_at === this.bytes) await this.cut();
      else await this.#gap();
    }
  }

  /** Bytes until the next place where a piece ends. */
  #untilBorder(): number {
    const { split, chunk, cut_at: cutAt } = this.#steering;
    let border = chunk !== undefined && chunk > 0 ? this.bytes + chunk : Number.POSITIVE_INFINITY;
    for (const offset of split ?? []) if (offset > this.bytes) border = Math.min(border, offset);
    if (typeof cutAt === 'number' && cutAt >= this.bytes) border = Math.min(border, cutAt);
    return border - this.bytes;
  }

  /** Lets a piece go out on its own: a write of the next turn is another TCP segment, as Nagle is off. */
  async #gap(): Promise<void> {
    const { gap, split, chunk } = this.#steering;
    if (split === undefined && chunk === undefined) return;
    if (gap === undefined) await nextTurn();
    else await this.sleep(gap);
  }

  #out(bytes: Uint8Array): boolean {
    if (this.#closed) return true;
    this.#headHeld = false;
    this.bytes += bytes.byteLength;
    if (this.#digests) {
      this.#digest ??= createHash('sha256');
      this.#digest.update(bytes);
    }
    if (!this.#raw) return this.#response.write(bytes);
    if (!this.#chunked) return this.#socket.write(bytes);
    this.#socket.write(`${bytes.byteLength.toString(16)}\r\n`);
    this.#socket.write(bytes);
    return this.#socket.write('\r\n');
  }

  async #drained(): Promise<void> {
    if (this.#closed) return;
    const source = this.#raw ? this.#socket : this.#response;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        source.off('drain', wake);
        this.#onGone.delete(wake);
        resolve();
      };
      source.once('drain', wake);
      this.#onGone.add(wake);
    });
  }

  async end(): Promise<void> {
    if (this.isOver()) return;
    if (this.#encoder !== undefined) await this.#pieces(await this.#encoder.end());
    if (this.isOver()) return;
    if (!this.#raw) {
      this.#response.end();
      return;
    }
    if (this.#chunked) this.#socket.write('0\r\n\r\n');
    this.#halfClose();
  }

  /** Breaks the connection, after what was written has left: FIN, or RST where the request wants it. */
  async cut(): Promise<void> {
    if (this.isOver()) return;
    this.ending = 'cut';
    this.#releaseHead();
    // Node joins the writes of one turn; wait until they are with the kernel.
    do await nextTurn();
    while (!this.#isClosed() && this.#socket.writableLength > 0);
    if (this.#isClosed()) return;
    if (this.#steering.cut !== 'rst') {
      this.#halfClose();
      return;
    }
    if (this.#socket.bytesWritten > 0) await this.sleep(RESET_AFTER_MS);
    if (!this.#isClosed()) this.#socket.resetAndDestroy();
  }

  /** Something that is not HTTP, then FIN. */
  junk(bytes: Uint8Array): void {
    this.ending = 'cut';
    this.#socket.write(bytes);
    this.#halfClose();
  }

  #halfClose(): void {
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** After a complete answer: closes the kept-alive connection without a word, when it has been idle for a while. */
  closeWhenIdle(ms: number): void {
    const socket = this.#socket;
    const timer = setTimeout(() => {
      if (this.#steering.cut === 'rst') socket.resetAndDestroy();
      else socket.destroy();
    }, ms);
    socket.once('data', () => {
      clearTimeout(timer);
    });
    socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** All that was to be sent has been handed to the kernel. */
  get finished(): boolean {
    return this.#raw ? this.#socket.writableFinished : this.#response.writableFinished;
  }
}
