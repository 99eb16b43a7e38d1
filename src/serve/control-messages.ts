import type { AdminQuestion } from '../contract/question.ts';
import type { ControlSnapshot } from '../contract/control.ts';
import type { Loaded } from '../../config/load.ts';
import type { Problem } from '../../config/problem.ts';
import type { DatabaseAddress } from '../store/database.ts';
import type { Answer, Ask } from './ask-thread.ts';

/** A config of the store that this build cannot run: the one before it goes on. */
export interface RejectedConfig {
  number: number;
  problems: Problem[];
}

/** Main thread -> control thread. */
export type ToControl =
  | Ask<AdminQuestion>
  /** The embedded database is up. */
  | { kind: 'database'; address: DatabaseAddress }
  /** SIGHUP: read the file again. */
  | { kind: 'reload' }
  /** The process ends: what the audit log has come to is signed. */
  | { kind: 'drain' };

/** What the control thread says by itself. */
export type ToldByControl =
  /** After each change. `loaded` is null where the config is the one told before. */
  | { kind: 'state'; snapshot: ControlSnapshot; loaded: Loaded | null; rejected: RejectedConfig | null }
  /** The store said that the last state still holds. */
  | { kind: 'confirmed'; atMs: number }
  /** How far the audit log goes, since when something in it waits for its signature, and whether it cannot be signed. */
  | { kind: 'audit'; entries: number; unsignedSinceMs: number | null; broken: boolean }
  | { kind: 'drained' }
  /** There is no config to run, and never was since the process started. */
  | { kind: 'failed'; problems: Problem[] };

export type FromControl = Answer | ToldByControl;
