import type { Fault } from '../contract/fault.ts';
import type { PricingSlice } from '../contract/messages.ts';
import type { Whose } from '../contract/holding.ts';
import type { NamedResource, ResourceKind } from '../contract/resource.ts';
import type { Result } from '../lib/result.ts';

/** Whose rows may be seen: a user's own, an admin's all; and by which indexed headers, in lower case, they may be filtered. */
export interface ApiCaller {
  login: string;
  role: 'admin' | 'user';
  readCaptures: boolean;
  /** Absent: no. */
  readAudit?: boolean;
  /** Stable id of the device, for the audit log. */
  nodeId?: string;
  filterableHeaders: readonly string[];
}

/** A question of the JSON API: plain data, after identity and role are known. */
export interface ApiRequest {
  method: string;
  path: string;
  /** Without the question mark. */
  query: string;
  /** The header of this name: what the answer should be. */
  accept?: string;
  /** Keys of the buckets that the caller's requests are charged to, where the question is about buckets. */
  ownBuckets?: readonly string[];
  /** What the config says of prices, where the question is about them. */
  pricing?: PricingSlice;
  caller: ApiCaller;
}

/** Main thread -> API thread. */
export type ToApi =
  | { kind: 'ask'; ask: number; request: ApiRequest }
  /** Whose something is that a provider keeps: asked for a request that waits for it. */
  | { kind: 'whose'; ask: number; resource: NamedResource; login: string }
  /** Which of a list are the login's: asked for an answer that waits for it. */
  | { kind: 'own'; ask: number; of: ResourceKind; ids: string[]; login: string; provider: string };

/** API thread -> main thread: exactly one for each question, of its kind. */
export type FromApi =
  /** The body is JSON, but for captured bodies and CSV. */
  | { kind: 'answer'; ask: number; status: number; headers: [string, string][]; body: Uint8Array<ArrayBuffer> }
  | { kind: 'whose'; ask: number; outcome: Result<Whose, Fault> }
  | { kind: 'own'; ask: number; outcome: Result<string[], Fault> };
