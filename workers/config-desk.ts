import type { ConfigDesk, ConfigSave, Saved } from '../src/admin/config-desk.ts';
import { actorOf } from '../src/contract/audit.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Result } from '../src/lib/result.ts';
import type { ControlStore } from '../src/store/control.ts';
import type { ConfigCause } from '../src/store/control-changes.ts';
import type { Problem } from '../config/problem.ts';
import { lockOut } from './config-reader.ts';
import type { ReadConfig } from './config-reader.ts';
import type { ControlKeeper } from './control-keeper.ts';
import { remarkOf, verdictOf } from './remarks.ts';

export interface ConfigDeskParts {
  keeper: ControlKeeper;
  /** Undefined while the database starts. */
  store: () => ControlStore | undefined;
  readonly: boolean;
  clock: Clock;
}

/** What a save is of, beside its text. */
type Save = Omit<ConfigSave, 'text'>;

/** Where admins read, try and save configs. Which one holds is the keeper's: it takes what is saved here. */
export function createConfigDesk({ keeper, store, readonly, clock }: ConfigDeskParts): ConfigDesk {
  const storeOrThrow = (): ControlStore => {
    const opened = store();
    if (opened === undefined) throw new Error('the database is starting');
    return opened;
  };

  const saveRead = async (
    read: Result<ReadConfig, Problem[]>,
    save: Save,
    why: Pick<ConfigCause, 'action' | 'backTo'>,
  ): Promise<Saved> => {
    if (readonly) return { kind: 'readonly' };
    const standing = await keeper.standing(save.hash);
    if (save.hash !== standing.hash) return { kind: 'conflict', hash: standing.hash };
    if (!read.ok) return { kind: 'refused', verdict: verdictOf(read.fault) };
    const lockedOut = lockOut(read.value, save.caller);
    if (lockedOut.length > 0) return { kind: 'refused', verdict: verdictOf(lockedOut) };
    const { config } = read.value;
    const saved = (number: number): Saved => ({
      kind: 'saved',
      config: { ...config, number },
      warnings: read.value.loaded.warnings.map(remarkOf),
      needsRestart: keeper.needsRestart(read.value),
    });
    if (config.hash === standing.hash) return saved(standing.number);
    const cause = { ...actorOf(save.caller), ...why, atMs: clock.nowMs() };
    const entry = { author: save.caller.login, note: save.note, cause, replaces: standing.hash };
    const added = await keeper.add(read.value, entry);
    return added.ok ? saved(added.value) : added.fault;
  };

  return {
    isReadonly: readonly,
    current: () => keeper.current(),
    check: (text, caller) => {
      const read = keeper.read(text, { strict: true });
      return verdictOf(read.ok ? [...lockOut(read.value, caller), ...read.value.loaded.warnings] : read.fault);
    },
    save: async ({ text, ...save }) => saveRead(keeper.read(text, { strict: true }), save, { action: 'config.saved' }),
    rollback: async (which, save) => {
      const found = await storeOrThrow().findVersion(which);
      if (found === undefined) return undefined;
      const read = keeper.read(found.text, { strict: false });
      const note = save.note === '' ? `back to version ${found.number}` : save.note;
      return saveRead(read, { ...save, note }, { action: 'config.rolled_back', backTo: found.number });
    },
    versions: async (before, limit) => storeOrThrow().versions(before, limit),
    version: async (number) => versionIn(storeOrThrow(), number),
  };
}

async function versionIn(store: ControlStore, number: number): ReturnType<ConfigDesk['version']> {
  const found = await store.findVersion({ number });
  if (found === undefined) return undefined;
  const previous = await store.findVersion({ number: number - 1 });
  const { text, ...entry } = found;
  // Whoever looks at no version has no use for it.
  const { configDiff } = await import('../src/control/diff.ts');
  const diff =
    previous === undefined
      ? undefined
      : configDiff({ name: `version ${previous.number}`, text: previous.text }, { name: `version ${number}`, text });
  return { ...entry, config: text, previous: previous?.number ?? null, diff: diff ?? null };
}
