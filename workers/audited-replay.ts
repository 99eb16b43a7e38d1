import type { Pool } from 'pg';
import type { Replay } from '../src/admin/deliveries.ts';
import { actorOf } from '../src/contract/audit.ts';
import type { Caller } from '../src/contract/caller.ts';
import type { Clock } from '../src/lib/clock.ts';
import { appendAudit } from '../src/store/audit.ts';
import { inTransaction } from '../src/store/database.ts';
import type { DeliveryStore } from '../src/store/deliveries.ts';

/** Ids of an entry: a thousand may be asked for. */
const IDS_TOLD = 100;

/** Puts finished deliveries back, with its entry in the audit log; where there were none, nothing was done. */
export function auditedReplay(
  { pool, store, clock }: { pool: Pool; store: DeliveryStore; clock: Clock },
  which: Replay,
  caller: Caller,
): Promise<{ replayed: number; more: boolean }> {
  return inTransaction(pool, async (client) => {
    const done = await store.replay(which, client);
    if (done.replayed === 0) return done;
    const entry = { atMs: clock.nowMs(), ...actorOf(caller), action: 'deliveries.replayed', ...whatOf(which) } as const;
    await appendAudit(client, [{ ...entry, details: { ...entry.details, ...done } }]);
    return done;
  });
}

function whatOf(which: Replay): { target: string; details: Record<string, unknown> } {
  if ('ids' in which) {
    const [first = ''] = which.ids;
    return {
      target: which.ids.length === 1 ? first : '',
      details: { asked: which.ids.length, ids: which.ids.slice(0, IDS_TOLD) },
    };
  }
  const [from, to] = [new Date(which.fromMs).toISOString(), new Date(which.toMs).toISOString()];
  return { target: which.destination, details: { from, to, states: which.states } };
}
