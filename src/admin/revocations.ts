import { z } from 'zod';
import { callerSubjects, subjectOf } from '../access/revocations.ts';
import type { Caller } from '../contract/caller.ts';
import { REVOCATION_KINDS } from '../contract/control.ts';
import type { Revocation } from '../contract/control.ts';
import type { AdminAnswer } from '../contract/question.ts';
import type { Clock } from '../lib/clock.ts';
import { uuid7 } from '../lib/uuid7.ts';
import type { ControlDesk } from './control-desk.ts';
import { answered, futureTime, NO_CONTENT, plainText, readBody, refusal, timeText } from './question.ts';

/** A login of joined tags, the longest of all values. */
const VALUE_CHARACTERS = 512;
const REASON_CHARACTERS = 500;

function wish(nowMs: number) {
  return z.strictObject({
    kind: z.enum(REVOCATION_KINDS, { error: `must be one of ${REVOCATION_KINDS.join(', ')}` }),
    value: plainText(VALUE_CHARACTERS).regex(/^\S(?:.*\S)?$/, {
      error: 'is empty, or has blanks around it: it would match nothing',
    }),
    reason: plainText(REASON_CHARACTERS).default(''),
    until: futureTime(nowMs),
  });
}

export async function listRevocations(desk: ControlDesk, clock: Clock): Promise<AdminAnswer> {
  const revocations = await desk.revocations();
  if (!revocations.ok) return refusal(revocations.fault);
  return answered(200, { items: revocations.value.map((each) => view(each, clock.nowMs())), next: null });
}

/** Not against the admin who asks: there might be nobody left to lift it. */
export async function addRevocation(
  desk: ControlDesk,
  clock: Clock,
  caller: Caller,
  body: Uint8Array,
): Promise<AdminAnswer> {
  const nowMs = clock.nowMs();
  const asked = readBody(wish(nowMs), body);
  if (!asked.ok) return refusal(asked.fault);
  const { kind, value, reason, until } = asked.value;
  if (callerSubjects(caller).includes(subjectOf(kind, value))) {
    return refusal({ code: 'bad_parameter', name: 'value', why: 'would revoke your own access' });
  }
  const revocation: Revocation = {
    id: uuid7(nowMs),
    kind,
    value,
    reason,
    by: caller.login,
    createdAtMs: nowMs,
    untilMs: until,
  };
  const added = await desk.addRevocation(revocation, caller);
  return added.ok ? answered(201, view(revocation, nowMs)) : refusal(added.fault);
}

export async function liftRevocation(desk: ControlDesk, id: string, caller: Caller): Promise<AdminAnswer> {
  const lifted = await desk.liftRevocation(id, caller);
  return lifted.ok ? NO_CONTENT : refusal(lifted.fault);
}

function view({ id, kind, value, reason, by, createdAtMs, untilMs }: Revocation, nowMs: number) {
  return {
    id,
    kind,
    value,
    reason,
    by,
    state: untilMs !== null && untilMs <= nowMs ? 'expired' : 'in_force',
    created_at: timeText(createdAtMs),
    until: timeText(untilMs),
  };
}
