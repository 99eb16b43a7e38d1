/** Lower-case name and value, credentials redacted before they got here. */
type Headers = [string, string][];

/** How one body of an exchange is put together from blobs (`capture/recipe.ts`), which are in the database before this is. */
export interface CapturedBody {
  /** Null where the body was left out. */
  recipe: Buffer | null;
  /** Length of the body on the wire, kept or not. */
  bytes: number;
  /** Why there is no recipe: `binary` bodies are kept only with `database.save_raws`. */
  leftOut: 'binary' | null;
}

/** Of a value longer than this, the index has the beginning: an entry may have 2,704 bytes, a character up to four. */
export const INDEXED_HEADER_CHARS = 256;

/** A header that logs can be filtered by; its value is null where only its presence counts. */
export interface IndexedHeader {
  side: 'request' | 'response';
  /** Lower case. */
  name: string;
  value: string | null;
}

/** What is kept of an exchange beside its record: headers and bodies. */
export interface Capture {
  /** The record's. */
  id: string;
  login: string;
  /** Journal segment that holds the `opened` frame: what the watermark counts. */
  segment: number;
  requestHeaders: Headers;
  responseHeaders: Headers;
  /** As forwarded; null where there is none. */
  request: CapturedBody | null;
  /** As the provider sent it; null where there is none. */
  response: CapturedBody | null;
  /**
   * When the bytes of a streamed response came, as the journal's closed note tells it (`Closed.response_pace`); null where it
   * was no stream, or its end is missing.
   */
  responsePace: number[] | null;
  /** Frames that the journal dropped or lost: above zero, a body is not whole. */
  missingFrames: number;
  /** Those of `database.headers.filterable`. */
  indexedHeaders: IndexedHeader[];
}
