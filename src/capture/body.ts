import type { CapturedBody } from '../contract/capture.ts';
import { PIECE_BYTES, piecesOf } from './cuts.ts';
import { RecipeMaker } from './recipe.ts';
import type { Blob } from './recipe.ts';

/** Gathers one body of an exchange into blobs and the recipe that names them, in as much memory as its kind needs. */
export interface BodyCapture {
  /** Copies: what comes is a view on a much larger window of a file. */
  add(bytes: Uint8Array): void;
  /** Blobs that are ready: to be stored before the recipe is. */
  takeBlobs(): Blob[];
  /** After the last bytes; `takeBlobs` once more after it. */
  end(): CapturedBody;
}

/** A request: cut by its JSON, so held whole until its end. The front door bounds it. */
export class RequestCapture implements BodyCapture {
  readonly #maker = new RecipeMaker();
  #chunks: Uint8Array[] = [];

  add(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
  }

  takeBlobs(): Blob[] {
    return this.#maker.takeBlobs();
  }

  end(): CapturedBody {
    const body = Buffer.concat(this.#chunks);
    this.#chunks = [];
    for (const piece of piecesOf(body)) this.#maker.add(piece);
    return { recipe: this.#maker.recipe(), bytes: body.length, leftOut: null };
  }
}

/** A response: cut by length, as it comes. */
export class ResponseCapture implements BodyCapture {
  readonly #maker = new RecipeMaker();
  #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #bytes = 0;

  add(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
    this.#waitingBytes += bytes.length;
    this.#bytes += bytes.length;
    if (this.#waitingBytes >= PIECE_BYTES) this.#cut();
  }

  takeBlobs(): Blob[] {
    return this.#maker.takeBlobs();
  }

  end(): CapturedBody {
    if (this.#waitingBytes > 0) this.#cut();
    return { recipe: this.#maker.recipe(), bytes: this.#bytes, leftOut: null };
  }

  #cut(): void {
    this.#maker.add(Buffer.concat(this.#chunks));
    this.#chunks = [];
    this.#waitingBytes = 0;
  }
}

/** A body that is not kept: only counted. */
export class LeftOutCapture implements BodyCapture {
  #bytes = 0;

  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
  }

  takeBlobs(): Blob[] {
    return [];
  }

  end(): CapturedBody {
    return { recipe: null, bytes: this.#bytes, leftOut: 'binary' };
  }
}

/** Media types that are text, or frames of text: what people can read again. A body without a type is taken for text. */
const READABLE =
  /^(?:text\/.*|application\/(?:json|x-ndjson|jsonl|xml|x-www-form-urlencoded|vnd\.amazon\.eventstream|.*\+json|.*\+xml)|)$/;

export function isReadable(contentType: string | undefined): boolean {
  return READABLE.test((contentType ?? '').split(';', 1).join('').trim().toLowerCase());
}
