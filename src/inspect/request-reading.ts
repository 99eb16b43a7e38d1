import { createHash } from 'node:crypto';
import type { Opened } from '../contract/exchange.ts';
import type { RequestFacts } from '../contract/facts.ts';
import { decodeWhole } from '../protocols/decode.ts';
import type { Protocol } from '../protocols/protocol.ts';

/** The request of one exchange: its bytes as they come, and once the response begins, what it says. */
export class RequestReading {
  readonly #opened: Opened;
  readonly #protocol: Protocol;
  readonly #limitBytes: number;
  readonly #hash = createHash('sha256');
  #chunks: Uint8Array[] = [];
  #facts: RequestFacts | undefined;
  /** Of the decoded body. */
  promptBytes = 0;

  constructor(opened: Opened, protocol: Protocol, limitBytes: number) {
    this.#opened = opened;
    this.#protocol = protocol;
    this.#limitBytes = limitBytes;
  }

  push(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#chunks.push(bytes);
  }

  /** Of the whole body, which is let go with it: to be asked for when all of it has come. */
  async whole(): Promise<RequestFacts> {
    if (this.#facts !== undefined) return this.#facts;
    const { facts, bytes } = await this.#parse();
    this.#chunks = [];
    this.promptBytes = bytes;
    this.#facts = facts;
    return facts;
  }

  /**
   * As far as the request has come; of a stored exchange more may follow. Not kept before the response begins: what is
   * kept has to be of the whole body.
   */
  async soFar(): Promise<RequestFacts> {
    return this.#facts ?? (await this.#parse()).facts;
  }

  /** Once. */
  sha256(): string {
    return this.#hash.digest('hex');
  }

  async #parse(): Promise<{ facts: RequestFacts; bytes: number }> {
    const { method, path, request_headers } = this.#opened;
    const headers = new Map(request_headers);
    const raw = Buffer.concat(this.#chunks);
    const decoded = await decodeWhole(headers.get('content-encoding'), raw, this.#limitBytes);
    const body = decoded.ok ? decoded.value : raw;
    const facts = this.#protocol.readRequest({ method, path, query: '', headers, body });
    // What the path or the query says of it was read at the front door.
    return { facts: { ...facts, stream: facts.stream || this.#opened.stream }, bytes: body.byteLength };
  }
}
