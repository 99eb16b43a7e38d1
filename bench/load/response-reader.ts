/** What a reader tells of one response as it comes in. */
export interface ReaderEvents {
  /** The first byte of the response. */
  first(): void;
  /** A part of the body, freed of chunked framing: a view that is only good during the call. */
  body(bytes: Buffer): void;
  /** `reusable`: another request may follow on the connection. */
  end(status: number, reusable: boolean): void;
}

type State =
  | { at: 'head'; held: Buffer | undefined }
  | { at: 'length'; left: number }
  | { at: 'chunk_size'; digits: string }
  | { at: 'chunk'; left: number }
  /** The line break after a chunk. */
  | { at: 'chunk_end'; left: number }
  /** After the last chunk: trailers, then an empty line. `line`: bytes of the line so far. */
  | { at: 'trailer'; line: number }
  | { at: 'until_close' };

const HEAD_END = Buffer.from('\r\n\r\n');
const LF = 10;
const MOST_HEAD_BYTES = 256 * 1024;

/**
 * Reads HTTP/1.1 responses one after the other from a connection's bytes: content-length, chunked, or until the end. It
 * trusts the server to speak HTTP, and throws where it does not.
 */
export class ResponseReader {
  readonly #events: ReaderEvents;
  #state: State = { at: 'head', held: undefined };
  #status = 0;
  #reusable = true;
  #begun = false;

  constructor(events: ReaderEvents) {
    this.#events = events;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) at = this.#step(bytes, at);
  }

  /** The connection ended. True: that is how this response was to end, or nothing was under way. */
  close(): boolean {
    if (this.#state.at === 'until_close') {
      this.#finish();
      return true;
    }
    return this.#state.at === 'head' && this.#state.held === undefined;
  }

  /** Takes what it can from `at` on and says where it stopped. */
  #step(bytes: Buffer, at: number): number {
    const state = this.#state;
    if (!this.#begun) {
      this.#begun = true;
      this.#events.first();
    }
    switch (state.at) {
      case 'head':
        return this.#head(state, bytes, at);
      case 'length': {
        const end = Math.min(bytes.length, at + state.left);
        state.left -= end - at;
        this.#events.body(bytes.subarray(at, end));
        if (state.left === 0) this.#finish();
        return end;
      }
      case 'chunk_size':
        return this.#chunkSize(state, bytes, at);
      case 'chunk': {
        const end = Math.min(bytes.length, at + state.left);
        state.left -= end - at;
        this.#events.body(bytes.subarray(at, end));
        if (state.left === 0) this.#state = { at: 'chunk_end', left: 2 };
        return end;
      }
      case 'chunk_end': {
        const end = Math.min(bytes.length, at + state.left);
        state.left -= end - at;
        if (state.left === 0) this.#state = { at: 'chunk_size', digits: '' };
        return end;
      }
      case 'trailer':
        return this.#trailer(state, bytes, at);
      case 'until_close':
        this.#events.body(bytes.subarray(at));
        return bytes.length;
    }
  }

  #head(state: State & { at: 'head' }, bytes: Buffer, at: number): number {
    const held = state.held;
    const all = held === undefined ? bytes.subarray(at) : Buffer.concat([held, bytes.subarray(at)]);
    const end = all.indexOf(HEAD_END);
    if (end < 0) {
      if (all.length > MOST_HEAD_BYTES) throw new Error('no end of the response head');
      // Ours to keep: the socket's buffer is not.
      state.held = held === undefined ? Buffer.from(all) : all;
      return bytes.length;
    }
    this.#open(all.toString('latin1', 0, end).toLowerCase());
    return at + end + HEAD_END.length - (held?.length ?? 0);
  }

  #open(head: string): void {
    const status = /^http\/1\.[01] (\d{3})/.exec(head);
    if (status === null) throw new Error(`not a response: ${JSON.stringify(head.slice(0, 40))}`);
    this.#status = Number(status[1]);
    this.#reusable = !/\r\nconnection: *close/.test(head);
    if (/\r\ntransfer-encoding: *chunked/.test(head)) {
      this.#state = { at: 'chunk_size', digits: '' };
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    const left = this.#status === 204 || this.#status === 304 ? 0 : length === undefined ? undefined : Number(length);
    if (left === undefined) {
      this.#reusable = false;
      this.#state = { at: 'until_close' };
    } else if (left === 0) this.#finish();
    else this.#state = { at: 'length', left };
  }

  #chunkSize(state: State & { at: 'chunk_size' }, bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at);
    state.digits += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
    if (end < 0) return bytes.length;
    const size = Number.parseInt(state.digits, 16);
    if (Number.isNaN(size)) throw new Error(`not a chunk: ${JSON.stringify(state.digits.slice(0, 40))}`);
    this.#state = size === 0 ? { at: 'trailer', line: 0 } : { at: 'chunk', left: size };
    return end + 1;
  }

  #trailer(state: State & { at: 'trailer' }, bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at);
    if (end < 0) {
      state.line += bytes.length - at;
      return bytes.length;
    }
    const line = state.line + end - at;
    state.line = 0;
    // An empty line is a lone CR before its LF.
    if (line <= 1) this.#finish();
    return end + 1;
  }

  #finish(): void {
    this.#state = { at: 'head', held: undefined };
    this.#begun = false;
    this.#events.end(this.#status, this.#reusable);
  }
}
