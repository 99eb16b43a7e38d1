import { GATEWAY } from '../src/contract/audit.ts';
import type { ControlConfig, ControlSnapshot, Revocation, TokenEntry } from '../src/contract/control.ts';
import type { Saved } from '../src/admin/config-desk.ts';
import type { ConfigFile } from '../src/control/config-file.ts';
import { FileWrite } from '../src/control/file-write.ts';
import type { SealedSecret } from '../src/control/sealing.ts';
import { REFERENCE_PREFIX } from '../src/control/sealing.ts';
import type { LocalControl } from '../src/control/snapshot-file.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { RejectedConfig, ToldByControl } from '../src/serve/control-messages.ts';
import { needsRestart } from '../src/serve/needs-restart.ts';
import type { ControlStore, NewConfig, StoredControl } from '../src/store/control.ts';
import type { ConfigCause } from '../src/store/control-changes.ts';
import { formatProblems } from '../config/check.ts';
import type { Problem } from '../config/problem.ts';
import { serverOf } from '../config/slices.ts';
import type { ServerSettings } from '../config/slices.ts';
import type { ConfigReader, ReadConfig } from './config-reader.ts';
import { LocalCopy } from './local-copy.ts';
import { problem } from './remarks.ts';

export interface KeeperParts {
  /** Undefined while the database starts. */
  store: () => ControlStore | undefined;
  truth: 'file' | 'table';
  dataDir: string;
  file: ConfigFile;
  reader: ConfigReader;
  /** What the process started with; undefined: with the first config that is kept here. */
  startedWith: ServerSettings | undefined;
  clock: Clock;
  log: Log;
  tell: (message: ToldByControl) => void;
}

/** The running config: what the file or the table said last that this build can run. */
interface Running {
  read: ReadConfig;
  /** 0 while the store has not recorded it. */
  number: number;
}

/** Who saves a config, why, and what it replaces. */
type SavedBy = Pick<NewConfig, 'author' | 'note' | 'cause' | 'replaces'>;

/** Why a config that can be run could not be saved. */
type NotAdded = Extract<Saved, { kind: 'conflict' | 'unwritable' }>;

const FROM_FILE = 'file';

/**
 * Keeps control state: knows the running config, what the store says, and what is told to the main thread. Its methods
 * are called one after the other; none of them waits for another's transaction.
 */
export class ControlKeeper {
  readonly #parts: KeeperParts;
  readonly #copy: LocalCopy;
  #running: Running | undefined;
  #started: ServerSettings | undefined;
  /** The store's newest config, whether this build can run it or not. */
  #newest: ControlConfig | undefined;
  #rejected: RejectedConfig | undefined;
  #secrets = new Map<string, SealedSecret>();
  #tokens: readonly TokenEntry[] = [];
  #revocations: readonly Revocation[] = [];
  #version = 0;
  #confirmedAtMs: number;
  /** The store was read since this thread began. */
  #contacted = false;
  /** The file's text as it was read or written last. */
  #fileText = '';
  /** The file's config is not in the store yet. */
  #unrecorded = false;
  /** Hash of the config that the main thread was told last. */
  #toldHash = '';

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#copy = new LocalCopy(parts.dataDir, parts.log);
    this.#started = parts.startedWith;
    this.#confirmedAtMs = parts.clock.nowMs();
  }

  get hasConfig(): boolean {
    return this.#running !== undefined;
  }

  get contacted(): boolean {
    return this.#contacted;
  }

  /** What this process knew when it ended. Its config is not run yet. */
  recall(): LocalControl | undefined {
    const local = this.#copy.read();
    if (local === undefined) return undefined;
    const { version, tokens, revocations, confirmedAtMs } = local.snapshot;
    this.#version = version;
    this.#tokens = tokens;
    this.#revocations = revocations;
    this.#confirmedAtMs = confirmedAtMs;
    this.#secrets = byReference(local.secrets);
    return local;
  }

  /** Runs the config of the local copy: the store is away, or has one that this build cannot run. */
  runRecalled({ snapshot }: LocalControl): Result<void, Problem[]> {
    const read = this.read(snapshot.config.text, { strict: false });
    if (!read.ok) return read;
    this.#run(read.value, snapshot.config.number);
    this.#tellState();
    return ok(undefined);
  }

  /** Reads the file where it is the truth, and runs it when it is good; the running config stays when it is not. */
  runFile(): Result<void, Problem[]> {
    const { file } = this.#parts;
    let text: string;
    try {
      text = file.read();
    } catch (error) {
      return failed([problem('', `the config file cannot be read: ${errorChain(error)}`)]);
    }
    const read = this.read(text, { strict: false });
    if (!read.ok) return read;
    this.#fileText = text;
    this.#learn(read.value.secrets);
    const isNew = this.#running?.read.config.hash !== read.value.config.hash;
    if (isNew) {
      this.#run(read.value, this.#newest?.hash === read.value.config.hash ? this.#newest.number : 0);
      this.#unrecorded = true;
      this.#tellState();
    }
    return ok(undefined);
  }

  /** Whether a file that cannot be run might, once the store has been read: it names keys that are there. */
  get fileNamesKeys(): boolean {
    try {
      return this.#parts.file.read().includes(REFERENCE_PREFIX);
    } catch {
      // Reading it as a config says why.
      return false;
    }
  }

  get problemsOfStore(): Problem[] {
    return this.#rejected?.problems ?? [];
  }

  /** Asks the store whether anything changed, and takes it over. Rejects when the store is away. */
  async look(): Promise<void> {
    const store = this.#parts.store();
    if (store === undefined) return;
    const askedAtMs = this.#parts.clock.nowMs();
    const isNew = !this.#contacted || (await store.version()) !== this.#version;
    if (isNew) await this.#adopt(store, await store.read(), askedAtMs);
    this.#confirm(askedAtMs);
    if (this.#unrecorded) await this.#record(store);
  }

  current(): ControlConfig {
    const running = this.#running;
    if (running === undefined) throw new Error('there is no config yet');
    const { text, hash } = running.read.config;
    if (this.#parts.truth === 'table' && this.#newest !== undefined) return this.#newest;
    return { number: running.number, text, hash };
  }

  /** What a save is made against, by the hash that its maker saw: if that is not the newest known here, the store is asked. */
  async standing(seen: string): Promise<ControlConfig> {
    // Another gateway may have saved a moment ago, and its admin have the newer hash.
    if (seen !== this.current().hash && this.#parts.truth === 'table') await this.look();
    return this.current();
  }

  /** Reads a config text, which may refer to keys that are known here. */
  read(text: string, { strict }: { strict: boolean }): Result<ReadConfig, Problem[]> {
    return this.#parts.reader.read(text, { strict, known: this.#secrets });
  }

  /** Makes a config the one that holds: a version in the store and, where that is the truth, the file. Its number. */
  async add(read: ReadConfig, by: SavedBy): Promise<Result<number, NotAdded>> {
    const { config, secrets } = read;
    const entry = { ...config, secrets, ...by };
    const added = this.#parts.truth === 'file' ? await this.#addToFile(entry) : await this.#addToTable(entry);
    if (!added.ok) return added;
    this.#learn(secrets);
    this.#newest = { ...config, number: added.value };
    this.#rejected = undefined;
    this.#run(read, added.value);
    this.#tellState();
    return added;
  }

  /** Settings of a config that hold from the next start only. */
  needsRestart(read: ReadConfig): string[] {
    return this.#started === undefined ? [] : needsRestart(this.#started, serverOf(read.loaded.config));
  }

  async #addToTable(entry: NewConfig): Promise<Result<number, NotAdded>> {
    return numberOf(await this.#storeOrThrow().addConfig(entry));
  }

  /** The file and its version hold together or not at all. */
  async #addToFile(entry: NewConfig): Promise<Result<number, NotAdded>> {
    const store = this.#storeOrThrow();
    if (this.#unrecorded) await this.#record(store);
    const before = this.#fileText;
    const write = new FileWrite(this.#parts.file, before, entry.text);
    try {
      const added = await store.addConfig({ ...entry, replaces: undefined }, () => {
        write.run();
      });
      this.#fileText = entry.text;
      return numberOf(added);
    } catch (error) {
      if (write.refused !== undefined) return failed({ kind: 'unwritable', why: write.refused });
      // The store went away at the very end.
      write.undo();
      throw error;
    }
  }

  async #adopt(store: ControlStore, stored: StoredControl, askedAtMs: number): Promise<void> {
    const state = stored.config === undefined ? await this.#seeded(store, stored) : stored;
    this.#contacted = true;
    this.#version = state.version;
    this.#tokens = state.tokens;
    this.#revocations = state.revocations;
    this.#secrets = byReference([...this.#ownSecrets(), ...state.secrets]);
    this.#newest = state.config;
    this.#confirmedAtMs = askedAtMs;
    if (state.config !== undefined) this.#follow(state.config);
    this.#tellState();
  }

  /** In the file's world keys of the running text may not have reached the store yet. */
  #ownSecrets(): SealedSecret[] {
    return this.#unrecorded ? (this.#running?.read.secrets ?? []) : [];
  }

  #follow(newest: ControlConfig): void {
    const { truth, log } = this.#parts;
    if (this.#running?.read.config.hash === newest.hash) {
      this.#running.number = newest.number;
      this.#rejected = undefined;
      this.#unrecorded = false;
      return;
    }
    if (truth === 'file') return;
    const read = this.read(newest.text, { strict: false });
    if (read.ok) {
      this.#rejected = undefined;
      this.#run(read.value, newest.number);
      return;
    }
    this.#rejected = { number: newest.number, problems: read.fault };
    const problems = formatProblems(read.fault, `version ${newest.number}`);
    log.error({ number: newest.number, problems }, 'this build cannot run the newest config; the one before goes on');
  }

  /** A table without any config begins with the running one, or with the file. */
  async #seeded(store: ControlStore, stored: StoredControl): Promise<StoredControl> {
    if (this.#parts.truth === 'file') return stored;
    const first = this.#running === undefined ? this.#readSeed() : this.#running.read;
    if (first === undefined) return stored;
    const { config, secrets } = first;
    const cause = this.#loaded();
    await store.addConfig({ ...config, author: FROM_FILE, note: 'the first', cause, secrets, replaces: '' });
    return store.read();
  }

  #readSeed(): ReadConfig | undefined {
    const { file } = this.#parts;
    try {
      const read = this.read(file.read(), { strict: false });
      if (read.ok) return read.value;
      this.#rejected = { number: 0, problems: read.fault };
    } catch (error) {
      const why = `the database has no config yet, and the file that it begins with cannot be read: ${errorChain(error)}`;
      this.#rejected = { number: 0, problems: [problem('', why)] };
    }
    return undefined;
  }

  /** Puts the file's config into the store as a version of its own. */
  async #record(store: ControlStore): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    const { config, secrets } = running.read;
    if (this.#newest?.hash !== config.hash) {
      const loaded = { ...config, author: FROM_FILE, note: '', cause: this.#loaded(), secrets };
      const added = await store.addConfig({ ...loaded, replaces: undefined });
      if (added.ok) this.#newest = added.value;
    }
    running.number = this.#newest?.number ?? 0;
    this.#unrecorded = false;
    this.#tellState();
  }

  #loaded(): ConfigCause {
    return { ...GATEWAY, action: 'config.loaded', atMs: this.#parts.clock.nowMs() };
  }

  #run(read: ReadConfig, number: number): void {
    this.#running = { read, number };
    this.#started ??= serverOf(read.loaded.config);
  }

  #tellState(): void {
    const running = this.#running;
    if (running === undefined) return;
    const { config, loaded } = running.read;
    const snapshot: ControlSnapshot = {
      version: this.#version,
      confirmedAtMs: this.#confirmedAtMs,
      config: { ...config, number: running.number },
      tokens: this.#tokens,
      revocations: this.#revocations,
    };
    const isNews = this.#toldHash !== config.hash;
    this.#toldHash = config.hash;
    const rejected = this.#rejected ?? null;
    this.#parts.tell({ kind: 'state', snapshot, loaded: isNews ? loaded : null, rejected });
    this.#copy.keep({ snapshot, secrets: [...this.#secrets.values()] });
  }

  #confirm(atMs: number): void {
    this.#confirmedAtMs = atMs;
    this.#parts.tell({ kind: 'confirmed', atMs });
    this.#copy.confirm(this.#version, atMs);
  }

  #learn(secrets: readonly SealedSecret[]): void {
    for (const secret of secrets) this.#secrets.set(secret.reference, secret);
  }

  #storeOrThrow(): ControlStore {
    const store = this.#parts.store();
    if (store === undefined) throw new Error('the database is starting');
    return store;
  }
}

function numberOf(added: Result<ControlConfig, string>): Result<number, NotAdded> {
  return added.ok ? ok(added.value.number) : failed({ kind: 'conflict', hash: added.fault });
}

function byReference(secrets: readonly SealedSecret[]): Map<string, SealedSecret> {
  return new Map(secrets.map((secret) => [secret.reference, secret]));
}
