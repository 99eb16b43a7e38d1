import type { Caller } from '../contract/caller.ts';
import type { ControlConfig } from '../contract/control.ts';

/** Something about a config text, and where. Never holds a secret. */
export interface ConfigRemark {
  severity: 'error' | 'warning';
  path: string;
  /** From 1; 0 where it is not in the text. */
  line: number;
  column: number;
  message: string;
}

/** What a text would do if it were saved now. */
export interface Verdict {
  /** Each of them keeps the text from being saved. */
  errors: ConfigRemark[];
  warnings: ConfigRemark[];
}

export interface VersionEntry {
  number: number;
  hash: string;
  author: string;
  /** RFC 3339. */
  at: string;
  note: string;
}

export interface ConfigSave {
  text: string;
  /** Of the version that the text was made from. */
  hash: string;
  note: string;
  caller: Caller;
}

export type Saved =
  | { kind: 'saved'; config: ControlConfig; warnings: ConfigRemark[]; needsRestart: string[] }
  | { kind: 'refused'; verdict: Verdict }
  /** Somebody else saved in between: `hash` is what holds now. */
  | { kind: 'conflict'; hash: string }
  | { kind: 'readonly' }
  /** The config's file is the truth and cannot be written. */
  | { kind: 'unwritable'; why: string };

/** What the routes of the config need; a root has it. Methods reject when the store is away. */
export interface ConfigDesk {
  /** The newest version, with references in place of keys. */
  current(): ControlConfig;
  /** The file is deployed (`--config-readonly`): every save is refused. */
  readonly isReadonly: boolean;
  check(text: string, caller: Caller): Verdict;
  save(save: ConfigSave): Promise<Saved>;
  /** Brings back the text of an older version as a new one; undefined where there is none. Warnings do not refuse it. */
  rollback(which: { number: number } | { hash: string }, save: Omit<ConfigSave, 'text'>): Promise<Saved | undefined>;
  versions(before: number | undefined, limit: number): Promise<VersionEntry[]>;
  /** With its unified diff to the one before; null where that takes too long, or where there is none before. */
  version(
    number: number,
  ): Promise<(VersionEntry & { config: string; previous: number | null; diff: string | null }) | undefined>;
}
