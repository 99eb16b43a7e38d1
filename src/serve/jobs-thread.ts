import type { ExchangeRecord } from '../contract/record.ts';
import type { RetentionReport } from '../contract/retention.ts';
import { RECORDS_WAITING } from '../contract/limits.ts';
import type { Log } from '../lib/log.ts';
import { ok, unreachable } from '../lib/result.ts';
import type { BookIds, FromJobs, JobsSettings, JobsState, RecordText, ToJobs } from '../records/messages.ts';
import { away, Waiting } from './ask-thread.ts';
import { Drained } from './drained.ts';
import { RESTART_MS, RestartedThread } from './restarted-thread.ts';

/** Records of this long are posted together: a post and a wake-up cost as much as a record does. */
const GATHER_MS = 50;

/** The database's own timeouts are shorter. */
const LOOK_WITHIN_MS = 60_000;

/** A queue with no more jobs than this gets to every one of them within a second or two. */
const QUIET_JOBS = 20;

const NOTHING_KNOWN: JobsState = {
  database: 'down',
  queue: 'down',
  jobs: null,
  deadLetters: null,
};

export interface JobsThreadOptions {
  /** Built file of workers/jobs.ts. */
  file: string;
  /** Beside who is told of closed requests, which may change. */
  workerData: Record<string, unknown>;
  log: Log;
  /** The queue has these: nobody will ask this process for them again. */
  onAccepted(ids: string[]): void;
  onRefused(refused: RefusedRecord[]): void;
  onSettled(gateway: string, segments: { segment: number; recordsIn: number; capturesIn: number }[]): void;
}

/** A record that only the journal has now. */
export interface RefusedRecord {
  id: string;
  login: string;
}

/**
 * The thread that puts records into the queue and, in roles that have them, runs the job processors. What it held when
 * it dies is in the journal, and told as refused.
 */
export class JobsThread {
  readonly #options: JobsThreadOptions;
  readonly #thread: RestartedThread<ToJobs, FromJobs>;
  #outbox: RecordText[] = [];
  /** Posted and not yet accepted: the logins by id. */
  readonly #posted = new Map<string, string>();
  readonly #looks = new Waiting<BookIds>();
  #lastLook = 0;
  readonly #drained = new Drained<number>();
  /** First segments of the journals that are followed beside our own. */
  readonly #followed = new Map<string, number>();
  state = NOTHING_KNOWN;
  /** Undefined while this process has not purged. */
  retention: RetentionReport | undefined;
  refused = 0;
  /** The thread has refused one and has accepted none since: its bound is in bytes, and not only in records. */
  #full = false;
  #settings: JobsSettings;

  constructor(options: JobsThreadOptions, settings: JobsSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#thread = new RestartedThread({
      file: options.file,
      data: () => ({ ...options.workerData, settings: this.#settings }),
      name: 'the jobs thread',
      log: options.log,
      onTold: (message) => {
        this.#deliver(message);
      },
      onStarted: () => {
        for (const [gateway, fromSegment] of this.#followed) this.#post({ kind: 'follow', gateway, fromSegment });
        this.#flush();
      },
      onDied: () => {
        this.#died();
      },
    });
    this.#thread.start();
  }

  reconfigure(settings: JobsSettings): void {
    this.#settings = settings;
    this.#post({ kind: 'settings', settings });
  }

  /** Records handed over and not yet in the queue. */
  get waiting(): number {
    return this.#posted.size + this.#outbox.length;
  }

  /** False when there is no room: the journal keeps what the record is made of. */
  ship(record: ExchangeRecord): boolean {
    if (this.#full || this.waiting >= RECORDS_WAITING) {
      this.refused += 1;
      return false;
    }
    const { id, login } = record;
    this.#outbox.push({ id, login, json: JSON.stringify(record) });
    if (this.#outbox.length === 1) {
      setTimeout(() => {
        this.#flush();
      }, GATHER_MS);
    }
    return true;
  }

  /** From now on `onSettled` tells of this journal, too: its process is gone, and we hand on what it left. */
  follow(gateway: string, fromSegment: number): void {
    this.#followed.set(gateway, fromSegment);
    this.#post({ kind: 'follow', gateway, fromSegment });
  }

  unfollow(gateway: string): void {
    this.#followed.delete(gateway);
    this.#post({ kind: 'unfollow', gateway });
  }

  /** Which of these the database does not have; undefined when it does not say. */
  async missing(ids: BookIds): Promise<BookIds | undefined> {
    const look = ++this.#lastLook;
    const answered = this.#looks.wait(look, LOOK_WITHIN_MS);
    const isHeard = this.#thread.post({ kind: 'look', look, ids });
    if (!isHeard) this.#looks.settle(look, away('the jobs thread is starting'));
    const answer = await answered;
    return answer.ok ? answer.value : undefined;
  }

  /** Nothing that the queue took a few seconds ago can still be waiting there, and the database takes what it has. */
  get isQuiet(): boolean {
    const { database, jobs } = this.state;
    return database === 'up' && jobs !== null && jobs.waiting <= QUIET_JOBS && jobs.delayed === 0;
  }

  /** Waits until the queue has all; resolves with the number of records that only the journal has. */
  drain(withinMs: number): Promise<number> {
    this.#flush();
    return this.#drained.within(
      withinMs + RESTART_MS,
      () => this.#thread.post({ kind: 'drain', withinMs }),
      () => this.waiting,
    );
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #flush(): void {
    if (this.#outbox.length === 0 || !this.#thread.isRunning) return;
    const records = this.#outbox;
    this.#outbox = [];
    for (const { id, login } of records) this.#posted.set(id, login);
    this.#post({ kind: 'records', records });
  }

  #post(message: ToJobs): void {
    this.#thread.post(message);
  }

  #died(): void {
    this.state = NOTHING_KNOWN;
    this.#looks.settleAll(away('the jobs thread died'));
    const lost = this.#unpost([...this.#posted.keys()]);
    this.#full = false;
    this.#drained.settle(lost.length);
    if (!this.#thread.isClosing) this.#options.onRefused(lost);
  }

  #deliver(message: FromJobs): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'accepted':
        this.#full = false;
        this.#unpost(message.ids);
        this.#options.onAccepted(message.ids);
        return;
      case 'refused':
        this.#full = true;
        this.refused += message.ids.length;
        this.#options.onRefused(this.#unpost(message.ids));
        return;
      case 'looked':
        this.#looks.settle(
          message.look,
          message.missing === null ? away('the database does not answer') : ok(message.missing),
        );
        return;
      case 'settled':
        this.#options.onSettled(message.gateway, message.segments);
        return;
      case 'state':
        this.state = message.state;
        return;
      case 'retention':
        this.retention = message.report;
        return;
      case 'drained':
        this.#drained.settle(message.left);
        return;
      default:
        return unreachable(message);
    }
  }

  #unpost(ids: readonly string[]): RefusedRecord[] {
    return ids.map((id) => {
      const login = this.#posted.get(id) ?? '';
      this.#posted.delete(id);
      return { id, login };
    });
  }
}
