import type { AdminQuestion } from '../contract/question.ts';
import type { ControlSnapshot } from '../contract/control.ts';
import type { Fault } from '../contract/fault.ts';
import type { ApiAnswer } from '../front/services.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { DatabaseAddress } from '../store/database.ts';
import type { Loaded } from '../../config/load.ts';
import type { Problem } from '../../config/problem.ts';
import { serverOf } from '../../config/slices.ts';
import { AskThread } from './ask-thread.ts';
import type { RejectedConfig, ToControl, ToldByControl } from './control-messages.ts';
import { Drained } from './drained.ts';

export interface ControlOptions {
  /** Built file of workers/control.ts. */
  file: string;
  /** For the thread; `database` is absent while the embedded one starts. */
  data: {
    dataDir: string;
    secretKey: Uint8Array;
    truth: 'file' | 'table';
    readonly: boolean;
    file: string;
    listen: string | undefined;
    logLevel: string;
  };
  database: DatabaseAddress | undefined;
  clock: Clock;
  log: Log;
}

/** The audit log, as the control thread told of it last. */
export interface AuditState {
  entries: number;
  /** Null where all is signed. */
  unsignedSinceMs: number | null;
  broken: boolean;
}

interface Known {
  snapshot: ControlSnapshot;
  loaded: Loaded;
}

/** Control state as the main thread has it, and the way to the thread that keeps it. */
export class ControlThread {
  readonly #options: ControlOptions;
  readonly #thread: AskThread<AdminQuestion, ToldByControl, ToControl>;
  readonly #first: Promise<Result<Known, Problem[]>>;
  #began: (first: Result<Known, Problem[]>) => void = () => undefined;
  #database: DatabaseAddress | undefined;
  #startedWith: Loaded | undefined;
  #known: Known | undefined;
  #confirmedAtMs = 0;
  #changed: (known: Known) => void = () => undefined;
  readonly #drained = new Drained();
  audit: AuditState = { entries: 0, unsignedSinceMs: null, broken: false };
  /** A newer config that this build cannot run. */
  rejected: RejectedConfig | null = null;

  private constructor(options: ControlOptions) {
    this.#options = options;
    this.#database = options.database;
    this.#first = new Promise((resolve) => {
      this.#began = resolve;
    });
    this.#thread = new AskThread({
      file: options.file,
      data: () => ({
        ...options.data,
        database: this.#database,
        startedWith: this.#startedWith && serverOf(this.#startedWith.config),
      }),
      name: 'the keeper of control state',
      log: options.log,
      onTold: (message) => {
        this.#told(message);
      },
      onDied: () => {
        this.#drained.settle();
      },
    });
  }

  static start(options: ControlOptions): ControlThread {
    return new ControlThread(options);
  }

  /** The config to start with, or all that keeps one from starting. */
  first(): Promise<Result<Known, Problem[]>> {
    return this.#first;
  }

  /** Calls back at once with what holds, and with each change of any part. */
  follow(changed: (known: Known) => void): void {
    this.#changed = changed;
    if (this.#known !== undefined) changed(this.#known);
  }

  /** Milliseconds since the store last said that what we have is what holds. */
  get ageMs(): number {
    return Math.max(0, this.#options.clock.nowMs() - this.#confirmedAtMs);
  }

  get version(): number {
    return this.#known?.snapshot.version ?? 0;
  }

  databaseAt(address: DatabaseAddress): void {
    this.#database = address;
    this.#thread.tell({ kind: 'database', address });
  }

  reload(): void {
    this.#thread.tell({ kind: 'reload' });
  }

  /** The body is given away. */
  ask(question: AdminQuestion): Promise<Result<ApiAnswer, Fault>> {
    return this.#thread.ask(question, [question.body.buffer]);
  }

  /** Lets it sign what the audit log has come to. */
  drain(withinMs: number): Promise<void> {
    return this.#drained.within(
      withinMs,
      () => this.#thread.tell({ kind: 'drain' }),
      () => undefined,
    );
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #told(message: ToldByControl): void {
    switch (message.kind) {
      case 'state': {
        const loaded = message.loaded ?? this.#known?.loaded;
        if (loaded === undefined) return;
        this.#startedWith ??= loaded;
        this.#known = { snapshot: message.snapshot, loaded };
        this.#confirmedAtMs = message.snapshot.confirmedAtMs;
        this.rejected = message.rejected;
        this.#began(ok(this.#known));
        this.#changed(this.#known);
        return;
      }
      case 'confirmed':
        this.#confirmedAtMs = message.atMs;
        return;
      case 'audit': {
        const { entries, unsignedSinceMs, broken } = message;
        this.audit = { entries, unsignedSinceMs, broken };
        return;
      }
      case 'drained':
        this.#drained.settle();
        return;
      case 'failed':
        this.#began(failed(message.problems));
        return;
      default:
        return unreachable(message);
    }
  }
}
