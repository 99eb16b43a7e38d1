import { USAGE_KINDS, zeroUsage } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';

/**
 * How an exchange ended, as the provider sees it. `error_event` and `unterminated`: the stream was made to end so;
 * `cut`: we broke the connection on purpose; `client_left`: the other side did, before it had everything.
 */
export type Ending = 'live' | 'complete' | 'error_event' | 'unterminated' | 'cut' | 'client_left';

/** Whether the credential that came was the one that the gateway is to inject. */
export type Credential = 'expected' | 'none' | 'other';

/** One request, as the provider's own books have it: from the script, not from reading our own bytes. */
export interface BookEntry {
  /** Counts requests since the start or the last reset, from 1. */
  number: number;
  /** The id in the answer's body; null where it has none. */
  id: string | null;
  /** `x-request-id` and the like, as sent. */
  request_id: string | null;
  /** The client's own mark, from the setting `tag`. */
  tag: string | null;
  api: string;
  /** As the request named it. */
  model: string;
  model_served: string | null;
  stream: boolean;
  status: number;
  /** What the whole answer costs; null where nothing is billed. */
  usage: Usage | null;
  /** What the client has been told by the end. */
  usage_told: Usage | null;
  usage_state: 'final' | 'partial' | 'absent';
  stop: string | null;
  web_searches: number;
  ending: Ending;
  events_sent: number;
  /** Of the response body as sent, with its content-encoding. */
  bytes_sent: number;
  sha256: string | null;
  request_bytes: number;
  request_sha256: string | null;
  credential: Credential;
  /** Names of unexpected credential headers and a hash of what they held: enough to tell whose they were. */
  other_credentials: Record<string, string>;
  started_at_ms: number;
  ended_at_ms: number | null;
}

export interface Totals {
  requests: number;
  live: number;
  /** Kept by ending, API, status and credential. */
  endings: Record<string, number>;
  apis: Record<string, number>;
  statuses: Record<string, number>;
  credentials: Record<string, number>;
  events_sent: number;
  bytes_sent: number;
  /** Sums over ended requests. */
  usage: Usage;
  usage_told: Usage;
  usage_states: Record<string, number>;
  /** Entries that the ring no longer holds. */
  forgotten: number;
  /** Requests whose body never arrived whole, and upgrades that were refused. */
  half_requests: number;
  upgrades: number;
  connections: number;
  /** Requests that a bug of the simulator ended; a test asserts that there are none. */
  bugs: number;
}

export interface Books {
  totals: Totals;
  /** Oldest first. */
  entries: BookEntry[];
}

function freshTotals(): Totals {
  return {
    requests: 0,
    live: 0,
    endings: {},
    apis: {},
    statuses: {},
    credentials: {},
    events_sent: 0,
    bytes_sent: 0,
    usage: zeroUsage(),
    usage_told: zeroUsage(),
    usage_states: {},
    forgotten: 0,
    half_requests: 0,
    upgrades: 0,
    connections: 0,
    bugs: 0,
  };
}

function bump(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function add(sum: Usage, more: Usage | null): void {
  if (more === null) return;
  for (const kind of USAGE_KINDS) sum[kind] += more[kind];
}

/** The last requests in a ring, and sums over all of them. */
export class Ledger {
  readonly #capacity: number;
  #entries: BookEntry[] = [];
  totals: Totals = freshTotals();
  #number = 0;
  /** Entries from before a reset may still end; they are nobody's then. */
  readonly #live = new Set<BookEntry>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Takes the entry over and numbers it. */
  open(entry: BookEntry): void {
    this.#number += 1;
    entry.number = this.#number;
    this.#live.add(entry);
    this.#entries.push(entry);
    // Forgetting in blocks keeps it cheap.
    if (this.#entries.length >= this.#capacity * 2) {
      const surplus = this.#entries.length - this.#capacity;
      this.#entries = this.#entries.slice(surplus);
      this.totals.forgotten += surplus;
    }
    this.totals.requests += 1;
    this.totals.live += 1;
  }

  close(entry: BookEntry): void {
    if (!this.#live.delete(entry)) return;
    const { totals } = this;
    totals.live -= 1;
    bump(totals.endings, entry.ending);
    bump(totals.apis, entry.api);
    bump(totals.statuses, entry.status.toString());
    bump(totals.credentials, entry.credential);
    bump(totals.usage_states, entry.usage_state);
    totals.events_sent += entry.events_sent;
    totals.bytes_sent += entry.bytes_sent;
    add(totals.usage, entry.usage);
    add(totals.usage_told, entry.usage_told);
  }

  /** A copy. `since`: only entries with a higher number; `tag`: only those of one client. */
  read(since = 0, tag?: string): Books {
    const entries = this.#entries
      .slice(-this.#capacity)
      .filter((entry) => entry.number > since && (tag === undefined || entry.tag === tag));
    return structuredClone({ totals: this.totals, entries });
  }

  reset(): void {
    const { connections } = this.totals;
    this.#entries = [];
    this.totals = { ...freshTotals(), connections };
    this.#number = 0;
    this.#live.clear();
  }
}
