import type { Pool } from 'pg';
import type { AuditKey } from '../audit/key.ts';
import type { Fault } from '../contract/fault.ts';
import type { PricingSlice } from '../contract/messages.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { PriceTable } from '../pricing/table.ts';
import type { ApiCaller } from './messages.ts';

export interface ApiParts {
  /** The readers' own pool. */
  pool: Pool;
  clock: Clock;
  log: Log;
  /** What receipts are signed with; a root that answers none has none. */
  auditKey?: AuditKey | undefined;
  /** The price table with the operator's own prices. */
  prices?: (pricing: PricingSlice) => PriceTable;
}

export interface ApiAnswer {
  status: number;
  headers: [string, string][];
  /** JSON text, but for captured bodies and CSV. */
  body: string | Uint8Array;
}

/** A question, with all that its answer depends on. */
export interface Asked extends ApiParts {
  caller: ApiCaller;
  query: string;
  accept: string | undefined;
  /** Keys of the buckets that the caller's requests are charged to. */
  ownBuckets: readonly string[];
  /** What the config says of prices, where the question is about them. */
  pricing: PricingSlice | undefined;
  /** Set for users: the only login whose rows they see. */
  owner: string | undefined;
  /** The only login whose captures are shown: set for users, and for admins from whom that was taken. */
  captures: string | undefined;
  /** Headers by which rows may be filtered, in lower case. */
  filterable: readonly string[];
}

export type Found =
  | { body: unknown }
  | { json: string }
  | { bytes: Uint8Array }
  | { csv: string; headers: [string, string][] }
  | { fault: Fault };

/** Rows of a page, unless asked otherwise, and at most. */
export const LIMIT = 100;
export const MOST = 1000;

/** Of what is signed, where there is no key for it. */
export const NO_KEY: Found = {
  fault: { code: 'store_unavailable', why: 'it was started without a key for the audit log' },
};
