import { INDEXED_HEADER_CHARS } from '../contract/capture.ts';
import type { Capture, IndexedHeader } from '../contract/capture.ts';
import type { Opened } from '../contract/exchange.ts';
import { isReadable, LeftOutCapture, RequestCapture, ResponseCapture } from './body.ts';
import type { BodyCapture } from './body.ts';
import type { CaptureOrder, CaptureSettings } from './messages.ts';
import type { Blob } from './recipe.ts';

type Headers = readonly (readonly [string, string])[];

/** What a frame of the journal says, as far as a capture is made of it. */
export type CaptureFrame =
  | { kind: 'opened'; opened: Opened }
  | { kind: 'head'; headers: [string, string][] }
  | { kind: 'request' | 'response'; bytes: Uint8Array }
  | { kind: 'closed'; responsePace: number[] };

/** One exchange on its way from frames to a capture. */
export class ExchangeCapture {
  readonly order: CaptureOrder;
  readonly #settings: CaptureSettings;
  #opened: Opened | undefined;
  #responseHeaders: [string, string][] = [];
  #request: BodyCapture | undefined;
  #response: BodyCapture | undefined;
  #responsePace: number[] = [];
  #frames = 0;
  #lastSequence = -1;

  constructor(order: CaptureOrder, settings: CaptureSettings) {
    this.order = order;
    this.#settings = settings;
  }

  /** Whose it is; undefined before the `opened` frame, and where that cannot be read. */
  get login(): string | undefined {
    return this.#opened?.login;
  }

  /** Frames in order; a hole in the sequence is one that is missing. Bytes are copied. */
  add(sequence: number, frame: CaptureFrame): void {
    this.#frames += 1;
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    switch (frame.kind) {
      case 'opened':
        this.#opened = frame.opened;
        return;
      case 'head':
        this.#responseHeaders = frame.headers;
        return;
      case 'request':
        this.#request ??= this.#keeps(this.#opened?.request_headers) ? new RequestCapture() : new LeftOutCapture();
        this.#request.add(frame.bytes);
        return;
      case 'response':
        this.#response ??= this.#keeps(this.#responseHeaders) ? new ResponseCapture() : new LeftOutCapture();
        this.#response.add(frame.bytes);
        return;
      case 'closed':
        this.#responsePace = frame.responsePace;
        return;
    }
  }

  /** Blobs that are ready: to be stored before the capture is. Once more after `end`. */
  takeBlobs(): Blob[] {
    return [...(this.#request?.takeBlobs() ?? []), ...(this.#response?.takeBlobs() ?? [])];
  }

  /** After the last frame. Undefined where nobody knows who asked for what. */
  end(): Capture | undefined {
    if (this.#opened === undefined) return undefined;
    const { login, request_headers: requestHeaders } = this.#opened;
    return {
      id: this.order.id,
      login,
      segment: this.order.segment,
      requestHeaders,
      responseHeaders: this.#responseHeaders,
      request: this.#request?.end() ?? null,
      response: this.#response?.end() ?? null,
      responsePace: this.#responsePace.length === 0 ? null : this.#responsePace,
      missingFrames: this.#lastSequence + 1 - this.#frames,
      indexedHeaders: [
        ...this.#indexed('request', requestHeaders),
        ...this.#indexed('response', this.#responseHeaders),
      ],
    };
  }

  #keeps(headers: Headers = []): boolean {
    return this.#settings.saveRaws || isReadable(headers.find(([name]) => name === 'content-type')?.[1]);
  }

  /** Of a header that was sent more than once, the first. */
  #indexed(side: IndexedHeader['side'], headers: Headers): IndexedHeader[] {
    return this.#settings.filterable.flatMap(({ name, redactValues }) => {
      const found = headers.find(([each]) => each === name);
      if (found === undefined) return [];
      return [{ side, name, value: redactValues ? null : found[1].slice(0, INDEXED_HEADER_CHARS) }];
    });
  }
}
