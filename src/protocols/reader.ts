import type { ResponseFacts } from '../contract/facts.ts';
import { emptyResponseFacts } from './facts.ts';
import { JsonItems } from './json-items.ts';
import { isObject, parseJson } from './json.ts';
import type { JsonObject } from './json.ts';
import type { ResponseHead, ResponseReader } from './protocol.ts';
import { httpErrorFacts } from './provider-error.ts';
import { SseReader } from './sse.ts';
import { flag } from './tally.ts';

/** Puts a streamed response together again, one API's way, and tells the facts of what it holds. */
export interface Assembly {
  /** One JSON value of the stream; `chars` is its length as text, the measure of what keeping it costs. */
  accept(value: JsonObject, chars: number): void;
  /** `data: [DONE]` came; nothing after it is read. */
  done(): void;
  facts(how: 'complete' | 'cut'): ResponseFacts;
  /** For APIs whose responses can be asked for again: the id, once it is known. */
  responseId?(): string | null;
  /** The response as the API would have sent it in one piece. */
  rebuilt(): unknown;
}

export interface Shapes {
  /** Undefined where the API has no streams. */
  stream: (() => Assembly) | undefined;
  /** Facts of a whole body with a good status. */
  unary: (body: unknown) => ResponseFacts;
  /** True where a JSON array is a stream as well, sent piecewise. */
  arrayStreams?: boolean;
}

/** The largest unary body that is read. Larger ones pass through unread, and their record says so. */
export const UNARY_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * The reader for a response, chosen by its status and content-type, never by what the request asked for: a stream can be
 * refused with JSON, and an error status never streams. Where the type leaves it open, the body's first byte tells.
 */
export function openReader(head: ResponseHead, shapes: Shapes): ResponseReader {
  if (head.status >= 400) return new WholeBody((body, whole) => httpErrorFacts(body, whole), true);
  const type = mediaType(head);
  const { stream, unary } = shapes;
  if (stream === undefined) return new WholeBody(unary);
  if (type === 'text/event-stream') return new EventBody(stream());
  const json = type === 'application/json' || type.endsWith('+json');
  if (json && shapes.arrayStreams !== true) return new WholeBody(unary);
  return new SniffedBody((first) => {
    if (first === OPEN_ARRAY && shapes.arrayStreams === true) return new ArrayBody(stream());
    return json || first === OPEN_ARRAY || first === OPEN_OBJECT ? new WholeBody(unary) : new EventBody(stream());
  });
}

const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;

/** Lower-case, without parameters; empty where there is none. */
export function mediaType(head: ResponseHead): string {
  return (head.headers.get('content-type') ?? '').split(';', 1).join('').trim().toLowerCase();
}

class EventBody implements ResponseReader {
  readonly #assembly: Assembly;
  readonly #sse = new SseReader((event) => {
    this.#read(event.data);
  });
  #done = false;
  #unreadable = false;

  constructor(assembly: Assembly) {
    this.#assembly = assembly;
  }

  push(bytes: Uint8Array): void {
    if (!this.#done) this.#sse.push(bytes);
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    if (!this.#done) this.#sse.end();
    const facts = this.#assembly.facts(how);
    if (this.#unreadable) flag(facts.usage_flags, 'unreadable_event');
    if (this.#sse.gaveUp) flag(facts.usage_flags, 'event_over_limit');
    return facts;
  }

  responseId(): string | null {
    return this.#assembly.responseId?.() ?? null;
  }

  rebuilt(): unknown {
    return this.#assembly.rebuilt();
  }

  #read(data: string): void {
    if (this.#done || data === '') return;
    if (data === '[DONE]') {
      this.#done = true;
      this.#assembly.done();
      return;
    }
    const value = parseJson(data);
    if (isObject(value)) this.#assembly.accept(value, data.length);
    // The event passed through as it was; only our books cannot use it.
    else this.#unreadable = true;
  }
}

class ArrayBody implements ResponseReader {
  readonly #assembly: Assembly;
  readonly #items = new JsonItems((text) => {
    const value = parseJson(text);
    if (isObject(value)) this.#assembly.accept(value, text.length);
    else this.#unreadable = true;
  });
  #unreadable = false;

  constructor(assembly: Assembly) {
    this.#assembly = assembly;
  }

  push(bytes: Uint8Array): void {
    this.#items.push(bytes);
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    const facts = this.#assembly.facts(this.#items.whole ? how : 'cut');
    if (this.#unreadable || !this.#items.readable) flag(facts.usage_flags, 'unreadable_event');
    return facts;
  }

  rebuilt(): unknown {
    return this.#assembly.rebuilt();
  }
}

/** Buffers a body up to the limit; what it says is found out at the end. */
export class WholeBody implements ResponseReader {
  readonly #read: (body: unknown, whole: boolean) => ResponseFacts;
  /** An error status needs no JSON to be an error. */
  readonly #anyText: boolean;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #body: unknown;

  /** `read` gets the parsed body; with `anyText` also undefined where it is no JSON. */
  constructor(read: (body: unknown, whole: boolean) => ResponseFacts, anyText = false) {
    this.#read = read;
    this.#anyText = anyText;
  }

  push(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= UNARY_LIMIT_BYTES) this.#chunks.push(Buffer.from(bytes));
    else this.#chunks = [];
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    if (this.#bytes > UNARY_LIMIT_BYTES) return this.#unread(how);
    const text = Buffer.concat(this.#chunks).toString('utf8');
    this.#chunks = [];
    this.#body = parseJson(text.startsWith('\uFEFF') ? text.slice(1) : text);
    if (this.#body !== undefined) return this.#read(this.#body, true);
    if (this.#anyText) return this.#read(undefined, how === 'complete');
    const facts = emptyResponseFacts();
    if (how === 'complete') {
      facts.error = {
        where: 'decode',
        type: text.trim() === '' ? 'empty_body' : 'invalid_json',
        code: null,
        message: null,
      };
      facts.stop_reason = { raw: '', canonical: 'error' };
    }
    return facts;
  }

  rebuilt(): unknown {
    return this.#body;
  }

  #unread(how: 'complete' | 'cut'): ResponseFacts {
    const facts = this.#anyText ? this.#read(undefined, how === 'complete') : emptyResponseFacts();
    facts.complete = how === 'complete';
    flag(facts.usage_flags, 'body_over_limit');
    return facts;
  }
}

/** Files, sounds and their like may be large, and of any type: nothing of them is kept. */
export class Unread implements ResponseReader {
  readonly #whole: () => ResponseFacts;

  /** `whole`: facts of one that came whole. */
  constructor(whole: () => ResponseFacts = emptyResponseFacts) {
    this.#whole = whole;
  }

  push(): void {
    // Hashed by the inspector, and that is all.
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    return how === 'complete' ? { ...this.#whole(), complete: true } : emptyResponseFacts();
  }
}

/** Waits for the first byte that is not white space or a byte order mark; JSON begins with a bracket or a brace. */
class SniffedBody implements ResponseReader {
  readonly #open: (first: number) => ResponseReader;
  #inner: ResponseReader | undefined;

  constructor(open: (first: number) => ResponseReader) {
    this.#open = open;
  }

  push(bytes: Uint8Array): void {
    if (this.#inner !== undefined) {
      this.#inner.push(bytes);
      return;
    }
    const at = bytes.findIndex((byte) => !LEADING_BYTES.has(byte));
    if (at === -1) return;
    this.#inner = this.#open(bytes[at] ?? 0);
    this.#inner.push(bytes.subarray(at));
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    this.#inner ??= this.#open(OPEN_OBJECT);
    return this.#inner.end(how);
  }

  responseId(): string | null {
    return this.#inner?.responseId?.() ?? null;
  }

  rebuilt(): unknown {
    return this.#inner?.rebuilt?.();
  }
}

/** Tab, LF, CR, space; the three bytes of a byte order mark. */
const LEADING_BYTES = new Set([0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf]);
