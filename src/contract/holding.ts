import type { BatchRef } from './batch.ts';

/** A longer text is no id of what was made through here: none that a path can name. */
export const RESPONSE_ID_CHARS = 256;

/** Who made a resource that a provider keeps, such as a stored response, and where it is. */
export interface Holding {
  login: string;
  provider: string;
  /** As the maker's request named it; empty where it named none. */
  model: string;
  /** Which of the provider's keys holds it; absent for responses, whose key is not looked at. */
  keyId?: string;
  /** Of a file for a batch: the models that its lines name. Absent: nobody looked. */
  models?: string[];
  /** Of a batch, and of a file that one made. Absent also where a build before made it. */
  batch?: BatchRef;
}

/**
 * What the database knows of a resource, as one caller may hear it. `madeAtMs`: when, by the clock of the gateway that made
 * it; absent for responses, and where memory says so.
 */
export type Whose = { of: 'caller'; holding: Holding; madeAtMs?: number } | { of: 'another' } | { of: 'nobody' };
