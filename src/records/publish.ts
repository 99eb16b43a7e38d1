import { JOB_BYTES, RECORDS_PER_JOB, RECORDS_WAITING } from '../contract/limits.ts';
import type { Clock } from '../lib/clock.ts';
import { FairQueue } from '../lib/fair-queue.ts';
import type { RecordText } from './messages.ts';

/** What this room needs of a job queue. */
export interface JobQueue {
  /**
   * Adds one job per batch of JSON texts, all or none. Rejects soon when the queue is away, and does not keep trying by
   * itself. A rejection may come after the jobs were added: storing is idempotent, so the same batches may be added again.
   */
  add(batches: readonly (readonly string[])[]): Promise<void>;
}

export interface Publisher {
  /**
   * Takes a record, or refuses it. Taken: it stays in memory until the queue has it, and `onAccepted` names it then.
   * Refused: there is no room, or not for this caller. It stays in the journal, and is offered again later.
   *
   * A record that was taken is lost with the process, and a job with a queue that forgets: the journal alone is safe.
   * Its segment may go when the database's watermark says so, not when the record was taken or accepted.
   */
  offer(record: RecordText): boolean;
  /** Records taken and not yet accepted by the queue. */
  readonly waiting: number;
  /** Hands over what waits, without waiting for full batches; resolves with the number left when the time is up. */
  drain(withinMs: number): Promise<number>;
}

export interface PublisherOptions {
  queue: JobQueue;
  clock: Clock;
  /** The queue has these. */
  onAccepted: (ids: string[]) => void;
  /** Told of each failed attempt, and of the first success after one. */
  onQueue: (state: 'up' | 'down', error?: unknown) => void;
  /** Records in memory at most, beside those of the call under way (`JOBS_PER_CALL`). */
  capacity?: number;
  capacityBytes?: number;
}

/** A record is stored soon after its exchange, and a quiet gateway still makes few jobs. */
const GATHER_MS = 100;
/** Jobs in one call, when many records wait: a round trip and a commit are shared. */
const JOBS_PER_CALL = 8;
/** Records are about 2 KB; those with long tool calls reach this bound before `RECORDS_WAITING`. */
const WAITING_BYTES = 64 * 1024 * 1024;
/** What one caller may add to a job before the next has its turn: about ten ordinary records. */
const TURN_BYTES = 20 * 1024;
const RETRY_FROM_MS = 100;
const RETRY_TO_MS = 2_000;

interface Waiting {
  record: RecordText;
  sinceMs: number;
}

/** In UTF-16 units: near enough to bytes to bound memory and jobs. */
function sizeOf({ record }: Waiting): number {
  return record.json.length;
}

/**
 * Batches records for the queue: by time, count and bytes. Callers take turns, and none has more waiting than it leaves
 * room for others. One call is under way at a time.
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { queue, clock, onAccepted, onQueue } = options;
  const gathering = new FairQueue<Waiting>({
    name: 'records',
    capacity: options.capacity ?? RECORDS_WAITING,
    capacitySize: options.capacityBytes ?? WAITING_BYTES,
    quantum: TURN_BYTES,
  });
  let head: Waiting | undefined;
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let draining: AbortController | undefined;
  let endPause: (() => void) | undefined;

  const peek = (): Waiting | undefined => (head ??= gathering.take());
  const gathered = (): number => gathering.depth + (head === undefined ? 0 : 1);

  const takeJob = (): Waiting[] => {
    const job: Waiting[] = [];
    let size = 0;
    for (let next = peek(); next !== undefined && job.length < RECORDS_PER_JOB; next = peek()) {
      // One that is larger than a job travels alone.
      if (job.length > 0 && size + sizeOf(next) > JOB_BYTES) break;
      job.push(next);
      size += sizeOf(next);
      head = undefined;
    }
    return job;
  };

  const takeJobs = (): Waiting[][] => {
    const jobs: Waiting[][] = [];
    while (jobs.length < JOBS_PER_CALL && isDue()) jobs.push(takeJob());
    return jobs;
  };

  const isDue = (): boolean => {
    const oldest = peek();
    if (oldest === undefined) return false;
    return draining !== undefined || gathered() >= RECORDS_PER_JOB || clock.nowMs() - oldest.sinceMs >= GATHER_MS;
  };

  /** False when the drain's time was up first; the jobs are then in the journal alone. */
  const addUntilAccepted = async (jobs: Waiting[][]): Promise<boolean> => {
    const batches = jobs.map((job) => job.map(({ record }) => record.json));
    for (let failures = 0; ; failures += 1) {
      try {
        await queue.add(batches);
        if (failures > 0) onQueue('up');
        return true;
      } catch (error) {
        onQueue('down', error);
        if (draining?.signal.aborted === true) return false;
        await pause(Math.min(RETRY_TO_MS, RETRY_FROM_MS * 2 ** failures));
      }
    }
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timeout = setTimeout(() => {
        endPause?.();
      }, ms);
      endPause = () => {
        clearTimeout(timeout);
        endPause = undefined;
        resolve();
      };
    });

  const sendWhatIsDue = async (): Promise<void> => {
    while (isDue()) {
      const jobs = takeJobs();
      if (!(await addUntilAccepted(jobs))) return;
      const sent = jobs.flat().map(({ record }) => record.id);
      waiting -= sent.length;
      onAccepted(sent);
    }
  };

  const wake = (): void => {
    if (sending !== undefined || timer !== undefined || peek() === undefined) return;
    if (isDue()) {
      sending = sendWhatIsDue().finally(() => {
        sending = undefined;
        if (draining?.signal.aborted !== true) wake();
      });
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      wake();
    }, GATHER_MS);
  };

  return {
    offer: (record) => {
      if (draining !== undefined) return false;
      const one = { record, sinceMs: clock.nowMs() };
      if (!gathering.offer(record.login, one, sizeOf(one))) return false;
      waiting += 1;
      if (gathered() >= RECORDS_PER_JOB && timer !== undefined) {
        clearTimeout(timer);
        timer = undefined;
      }
      wake();
      return true;
    },
    get waiting() {
      return waiting;
    },
    drain: async (withinMs) => {
      const controller = new AbortController();
      draining = controller;
      if (timer !== undefined) clearTimeout(timer);
      timer = undefined;
      const deadline = setTimeout(() => {
        controller.abort();
        endPause?.();
      }, withinMs);
      endPause?.();
      wake();
      while (sending !== undefined && !controller.signal.aborted) {
        await Promise.race([sending, aborted(controller.signal)]);
      }
      clearTimeout(deadline);
      controller.abort();
      return waiting;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}
