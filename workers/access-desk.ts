import type { ControlDesk } from '../src/admin/control-desk.ts';
import { actorOf } from '../src/contract/audit.ts';
import type { Caller } from '../src/contract/caller.ts';
import type { Fault } from '../src/contract/fault.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { ControlStore } from '../src/store/control.ts';
import type { Decision } from '../src/store/control-changes.ts';

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
  const decisionOf = (caller: Caller): Decision => ({ ...actorOf(caller), atMs: clock.nowMs() });
  return {
    tokens: () => asked(async (store) => ok((await store.read()).tokens)),
    createToken: (entry, caller) =>
      changed(async (store) => {
        await store.createToken(entry, decisionOf(caller));
        return true;
      }, 'the token'),
    revokeToken: (id, caller) => changed((store) => store.revokeToken(id, decisionOf(caller)), 'the token'),
    revocations: () => asked(async (store) => ok((await store.read()).revocations)),
    addRevocation: (revocation, caller) =>
      changed(async (store) => {
        await store.addRevocation(revocation, decisionOf(caller));
        return true;
      }, 'the revocation'),
    liftRevocation: (id, caller) => changed((store) => store.liftRevocation(id, decisionOf(caller)), 'the revocation'),
  };
}
