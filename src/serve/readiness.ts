import type { ProcessState } from '../front/services.ts';
import type { Worlds } from '../front/world.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import type { Journal } from '../journal/journal.ts';
import type { ControlThread } from './control-thread.ts';
import type { JobsThread } from './jobs-thread.ts';
import type { Listeners } from './listeners.ts';

/** Not worth a mention: two looks at the store that came to nothing. */
const AGE_TOLD_FROM_MS = 2_000;

export interface ReadinessParts {
  inspectors: Pick<InspectorPool, 'stats'>;
  journal: Pick<Journal, 'stats'>;
  worlds: Worlds;
  control: Pick<ControlThread, 'ageMs' | 'rejected'>;
  jobs: Pick<JobsThread, 'retention'>;
  /** The front door that they let in has to be there before them. */
  listeners: () => Pick<Listeners, 'away'>;
}

/** What this process says of itself in `/readyz`. */
export function processState(parts: ReadinessParts): ProcessState {
  const state: ProcessState = {
    phase: 'serving',
    unready: () => ({
      ...(state.phase === 'serving' ? {} : { process: 'draining' }),
      ...unreadyParts(parts),
      ...parts.listeners().away(),
    }),
    notes: () => ({ ...controlNotes(parts.control), ...retentionNotes(parts.jobs) }),
  };
  return state;
}

function unreadyParts({ inspectors, journal, worlds, control }: ReadinessParts): Record<string, string> {
  const why: Record<string, string> = {};
  const { lanes, rulesLanes } = inspectors.stats();
  const { rules, controlMaxAgeMs } = worlds.current;
  if (lanes === 0) why['inspectors'] = 'none is running';
  if (rules !== undefined && rulesLanes === 0) why['rules'] = 'no thread for them is running';
  if (journal.stats().state === 'failed') why['journal'] = 'cannot be written';
  if (controlMaxAgeMs !== undefined && control.ageMs > controlMaxAgeMs) {
    why['control'] = 'older than server.control.max_age';
  }
  return why;
}

function controlNotes({ ageMs, rejected }: ReadinessParts['control']): Record<string, string> {
  const notes: Record<string, string> = {};
  if (ageMs > AGE_TOLD_FROM_MS) notes['control'] = `last confirmed ${Math.floor(ageMs / 1000)} s ago`;
  if (rejected !== null) {
    const { length } = rejected.problems.filter(({ severity }) => severity === 'error');
    notes['config'] =
      `version ${rejected.number} cannot be run by this build (${length} errors); the one before goes on`;
  }
  return notes;
}

function retentionNotes({ retention }: ReadinessParts['jobs']): Record<string, string> {
  const waiting = retention?.partitionsWaiting ?? 0;
  return waiting > 0 ? { retention: `${waiting} partitions are due and wait for their export` } : {};
}
