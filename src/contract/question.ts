import type { Caller } from './caller.ts';

/**
 * A question to the part of the JSON API that changes things: plain data, after identity, role and origin were judged.
 * The body is given away with it; whole, and empty where there is none.
 */
export interface AdminQuestion {
  method: string;
  path: string;
  /** Without the question mark. */
  query: string;
  body: Uint8Array<ArrayBuffer>;
  caller: Caller;
  role: 'admin' | 'user';
}

export interface AdminAnswer {
  status: number;
  /** JSON text; empty with 204. */
  body: string;
}
