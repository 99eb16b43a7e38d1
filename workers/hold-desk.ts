import type { HoldDesk } from '../src/admin/holds.ts';
import { actorOf } from '../src/contract/audit.ts';
import type { Fault } from '../src/contract/fault.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { HoldStore } from '../src/store/holds.ts';

/** Legal holds in the database. */
export function createHoldDesk(parts: {
  /** Undefined while the database starts. */
  store: () => HoldStore | undefined;
  clock: Clock;
  log: Log;
}): HoldDesk {
  const { clock, log } = parts;
  const asked = async <T>(work: (store: HoldStore) => Promise<Result<T, Fault>>): Promise<Result<T, Fault>> => {
    const store = parts.store();
    if (store === undefined) return failed({ code: 'store_unavailable', why: 'it is starting' });
    try {
      return await work(store);
    } catch (error) {
      log.warn({ error: errorChain(error) }, 'a decision on a legal hold failed');
      return failed({ code: 'store_unavailable', why: 'it does not answer; look at what holds before you try again' });
    }
  };
  return {
    list: () => asked(async (store) => ok(await store.list())),
    add: (hold, caller) =>
      asked(async (store) => {
        await store.add(hold, actorOf(caller));
        log.info({ hold: hold.id, by: hold.by }, 'a legal hold was placed');
        return ok(undefined);
      }),
    release: (id, caller) =>
      asked(async (store) => {
        const released = await store.release(id, actorOf(caller), clock.nowMs());
        if (released) log.info({ hold: id, by: caller.login }, 'a legal hold was released');
        return released ? ok(undefined) : failed({ code: 'not_found', what: 'the hold' });
      }),
  };
}
