import type { ControlDesk } from '../src/admin/control-desk.ts';
import type { Fault } from '../src/contract/fault.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { ControlStore } from '../src/store/control.ts';

/**
 * Decisions on tokens and revocations in the database. A change is answered once it is stored and this process has been
 * told; others hear of it by their next look.
 */
export function createAccessDesk(parts: {
  /** Undefined while the database starts. */
  store: () => ControlStore | undefined;
  /** Takes over what the store has, and tells the main thread. */
  look: () => Promise<unknown>;
  clock: Clock;
  log: Log;
}): ControlDesk {
  const { clock, log } = parts;
  const asked = async <T>(work: (store: ControlStore) => Promise<Result<T, Fault>>): Promise<Result<T, Fault>> => {
    const store = parts.store();
    if (store === undefined) return failed({ code: 'store_unavailable', why: 'it is starting' });
    try {
      return await work(store);
    } catch (error) {
      log.warn({ error: errorChain(error) }, 'a decision on tokens or revocations failed');
      return failed({ code: 'store_unavailable', why: 'it does not answer; look at what holds before you try again' });
    }
  };
  const changed = (work: (store: ControlStore) => Promise<boolean>, what: string): Promise<Result<void, Fault>> =>
    asked(async (store) => {
      if (!(await work(store))) return failed({ code: 'not_found', what });
      await parts.look();
      return ok(undefined);
    });
  return {
    tokens: () => asked(async (store) => ok((await store.read()).tokens)),
    createToken: (entry) =>
      changed(async (store) => {
        await store.createToken(entry);
        return true;
      }, 'the token'),
    revokeToken: (id) => changed((store) => store.revokeToken(id, clock.nowMs()), 'the token'),
    revocations: () => asked(async (store) => ok((await store.read()).revocations)),
    addRevocation: (revocation) =>
      changed(async (store) => {
        await store.addRevocation(revocation);
        return true;
      }, 'the revocation'),
    liftRevocation: (id) => changed((store) => store.liftRevocation(id, clock.nowMs()), 'the revocation'),
  };
}
