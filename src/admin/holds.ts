import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import type { Fault } from '../contract/fault.ts';
import type { Hold } from '../contract/hold.ts';
import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import type { Clock } from '../lib/clock.ts';
import type { Result } from '../lib/result.ts';
import { uuid7 } from '../lib/uuid7.ts';
import { answered, NO_CONTENT, plainText, readBody, refusal, timeText } from './question.ts';

/** Where legal holds are kept. Faults: `not_found` for one that does not stand, `store_unavailable`. */
export interface HoldDesk {
  /** All of them, released ones too, the newest last. */
  list(): Promise<Result<readonly Hold[], Fault>>;
  add(hold: Hold, caller: Caller): Promise<Result<void, Fault>>;
  release(id: string, caller: Caller): Promise<Result<void, Fault>>;
}

/** As long as a record's names may be. */
const NAME_CHARACTERS = 600;
const REASON_CHARACTERS = 500;
const ID = /^[0-9a-f-]{36}$/;

const time = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .nullable()
  .default(null);

const Wish = z
  .strictObject({
    login: z.string().min(1).max(NAME_CHARACTERS).nullable().default(null),
    session: z.string().min(1).max(NAME_CHARACTERS).nullable().default(null),
    from: time,
    to: time,
    reason: plainText(REASON_CHARACTERS).min(1, { error: 'is empty' }),
  })
  .refine(({ login, session }) => login !== null || session !== null, {
    path: ['login'],
    error: 'or session must say what is held',
  })
  .refine(({ from, to }) => from === null || to === null || from < to, { path: ['from'], error: 'must be before to' });

/**
 * `/api/holds`, for admins alone: GET lists, POST adds, DELETE of one releases it. Undefined where the path is none of
 * these.
 */
export function answerHolds(
  desk: HoldDesk,
  clock: Clock,
  { method, path, caller, role, body }: AdminQuestion,
): Promise<AdminAnswer> | undefined {
  const [, api, list, id, ...rest] = path.split('/');
  if (api !== 'api' || list !== 'holds' || rest.length > 0) return undefined;
  // Who may not ask is not told what there is to ask.
  if (role !== 'admin') return Promise.resolve(refusal({ code: 'forbidden', what: `${path} needs admin` }));
  if (id === undefined) {
    if (method === 'GET') return listHolds(desk);
    if (method === 'POST') return addHold(desk, clock, caller, body);
    return Promise.resolve(refusal({ code: 'method_not_allowed', method, path, allow: 'GET, POST' }));
  }
  if (method === 'DELETE') return releaseHold(desk, id, caller);
  return Promise.resolve(refusal({ code: 'method_not_allowed', method, path, allow: 'DELETE' }));
}

async function listHolds(desk: HoldDesk): Promise<AdminAnswer> {
  const holds = await desk.list();
  return holds.ok ? answered(200, { items: holds.value.map(view), next: null }) : refusal(holds.fault);
}

async function addHold(desk: HoldDesk, clock: Clock, caller: Caller, body: Uint8Array): Promise<AdminAnswer> {
  const asked = readBody(Wish, body);
  if (!asked.ok) return refusal(asked.fault);
  const { login, session, from, to, reason } = asked.value;
  const nowMs = clock.nowMs();
  const hold: Hold = {
    id: uuid7(nowMs),
    login,
    session,
    fromMs: from,
    toMs: to,
    reason,
    by: caller.login,
    createdAtMs: nowMs,
    releasedAtMs: null,
    releasedBy: null,
  };
  const added = await desk.add(hold, caller);
  return added.ok ? answered(201, view(hold)) : refusal(added.fault);
}

async function releaseHold(desk: HoldDesk, id: string, caller: Caller): Promise<AdminAnswer> {
  if (!ID.test(id)) return refusal({ code: 'not_found', what: 'the hold' });
  const released = await desk.release(id, caller);
  return released.ok ? NO_CONTENT : refusal(released.fault);
}

function view({ id, login, session, fromMs, toMs, reason, by, createdAtMs, releasedAtMs, releasedBy }: Hold) {
  return {
    id,
    login,
    session,
    from: timeText(fromMs),
    to: timeText(toMs),
    reason,
    by,
    created_at: timeText(createdAtMs),
    released_at: timeText(releasedAtMs),
    released_by: releasedBy,
  };
}
