import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { ControlThread } from './control-thread.ts';
import { letClientsGo } from './drain.ts';
import type { DrainParts, DrainSettings } from './drain.ts';
import type { OpenDatabase } from './open-database.ts';
import type { Outlets } from './outlets.ts';

/** Streams may go on for minutes; the books need this long at most. */
const SHIP_WITHIN_MS = 10_000;

/** The last entries of the audit log are signed; what is not, the next process signs. */
const SIGN_WITHIN_MS = 2_000;

/** What waits for the disk gets this long. */
const JOURNAL_WITHIN_MS = 5_000;

/** Sockets and threads; they have nothing that anybody waits for. */
const CLOSE_WITHIN_MS = 2_000;

/** After `server.drain.notice` and `within`, whatever hangs: the above, and a second for the last clients. */
const EXIT_WITHIN_MS = 20_000;

const POLL_MS = 10;

/** How a process ended. */
export interface Departure {
  /** Requests that did not end by themselves. */
  cut: number;
  /** Exchanges that only the journal has, for the next process to hand on. */
  left: number;
  /** Something hangs, the disk most likely: only a kill is sure to end the process. */
  stuck: boolean;
}

export interface LeaveParts {
  clients: DrainParts;
  books: Bookkeeping;
  outlets: Outlets;
  control: ControlThread;
  database: OpenDatabase;
  /** What else is open. Nobody waits for what it has. */
  others: readonly { close(): unknown }[];
  log: Log;
}

/** Lets clients go, hands the books on, and closes everything; within a bound, whatever hangs. */
export function leave(parts: LeaveParts, settings: DrainSettings): Promise<Departure> {
  const departure: Departure = { cut: 0, left: 0, stuck: true };
  const late = sleep(settings.noticeMs + settings.withinMs + EXIT_WITHIN_MS);
  return Promise.race([leaveInOrder(parts, settings, departure), late]).then(() => departure);
}

async function leaveInOrder(parts: LeaveParts, settings: DrainSettings, departure: Departure): Promise<void> {
  const { clients, books, outlets, control, database, others, log } = parts;
  await books.stopLooking();
  departure.cut = await letClientsGo(clients, settings);
  departure.left = await handOn(books, outlets, log);
  await control.drain(SIGN_WITHIN_MS);
  const written = await books.journal.close(JOURNAL_WITHIN_MS);
  const closing = Promise.all([books, outlets, control, ...others].map((each) => Promise.resolve(each.close())));
  await Promise.race([closing, sleep(CLOSE_WITHIN_MS)]);
  await database.embedded?.stop();
  departure.stuck = !written;
}

/** Hands on every record, and every capture. Resolves with how many exchanges only the journal has when time is up. */
async function handOn({ settler, jobs, captures }: Bookkeeping, outlets: Outlets, log: Log): Promise<number> {
  const untilMs = systemClock.nowMs() + SHIP_WITHIN_MS;
  while (settler.depth > 0 && systemClock.nowMs() < untilMs) await sleep(POLL_MS);
  settler.stop();
  const leftMs = Math.max(0, untilMs - systemClock.nowMs());
  const [records, bodies] = await Promise.all([jobs.drain(leftMs), captures.drain(leftMs), outlets.drain(leftMs)]);
  const left = { records: records + settler.depth, captures: bodies };
  if (left.records + left.captures === 0) return 0;
  log.warn(left, 'these stay in the journal, for the next start or another process of this data directory');
  return Math.max(left.records, left.captures);
}
