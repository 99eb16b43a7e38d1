/** The bounds, one line per holder of bytes. What an operator may set is in config (`server.limits`); these are ours. */

/** A prompt larger than this is scanned in an inspector: 256 KiB take about a millisecond on the main thread. */
export const SCAN_ON_MAIN_BYTES = 256 * 1024;

/** Copies that one inspector lane may hold unread. Beyond it, exchanges are inspected later, from the journal. */
export const LANE_CREDIT_BYTES = 32 * 1024 * 1024;

/**
 * What an exchange that has ended, and that its lane has not answered yet, counts as besides its bytes: its headers and
 * what we note of it.
 */
export const LANE_EXCHANGE_BYTES = 4 * 1024;

/** What one client may leave unread before its upstream is paused. */
export const CLIENT_UNSENT_BYTES = 256 * 1024;

/** Of one client's WebSocket: what may be unsent to it, or to its provider, that nobody can be paused for. */
export const SOCKET_UNSENT_BYTES = 4 * 1024 * 1024;

/** Turns that run at once on one WebSocket. */
export const SOCKET_TURNS = 64;

/** A WebSocket on which nothing runs, and nothing came for so long, is closed; providers end theirs after as long. */
export const SOCKET_IDLE_MS = 60 * 60 * 1000;

/** An SSE event longer than this passes the usage filter unjudged. */
export const FILTER_EVENT_BYTES = 1024 * 1024;

/** Records waiting for the queue in memory; beyond it they wait in the journal alone. */
export const RECORDS_WAITING = 20_000;

/** Records per job, and bytes per job: what one costs beside its records is shared by them. */
export const RECORDS_PER_JOB = 200;
export const JOB_BYTES = 1024 * 1024;

/** Exchanges waiting to be captured in memory; beyond it they wait in the journal alone, for the next start. About 20 MiB. */
export const CAPTURES_WAITING = 100_000;

/** Places of theirs: an exchange has one, a long stream among busy neighbours up to 16,000. About 64 MiB. */
export const CAPTURE_PLACES_WAITING = 1_000_000;

/** The outbox: a delivery's payload, and what waits for one destination. Beyond it, the oldest are dropped and counted. */
export const DELIVERY_PAYLOAD_BYTES = 64 * 1024;
export const DELIVERIES_WAITING = 1_000_000;
/** Payloads in memory of one destination that is being served; so the most of one request, give or take its format. */
export const DELIVERY_PAGE_BYTES = 1024 * 1024;

/** Destinations that are served at once, each by itself: config may not name more. */
export const DESTINATIONS = 64;

/**
 * What a hook is told of an exchange that is over, and each body that this is made of. Beyond it, members are left out and
 * `metadata.left_out` names them.
 */
export const HOOK_PAYLOAD_BYTES = 64 * 1024 * 1024;

/**
 * An answer that is held until hooks have judged it. More is no text that a hook reads, and reading it as JSON would keep
 * others waiting on the thread for rules.
 */
export const ANSWER_HOLD_BYTES = 16 * 1024 * 1024;

/** So long a stream is held: Node's own client gives up after 300 s without a head, and that is the shortest of the usual. */
export const ANSWER_HOLD_MS = 240_000;

/**
 * An export's file: its records before they are compressed, and the pieces of the compressed file in the database. Making
 * one holds its compressed bytes, uploading it holds them again.
 */
export const EXPORT_FILE_BYTES = 64 * 1024 * 1024;
export const EXPORT_PART_BYTES = 1024 * 1024;
