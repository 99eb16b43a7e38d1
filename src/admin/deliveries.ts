import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import type { Fault } from '../contract/fault.ts';
import type { Result } from '../lib/result.ts';
import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import { answered, postedByAdmin, refusal } from './question.ts';

/** Ids in one request. */
const IDS = 1_000;
const NAME_CHARACTERS = 200;

export type Replay =
  | { ids: readonly string[] }
  | { destination: string; fromMs: number; toMs: number; states: readonly ('dead' | 'delivered')[] };

/** Puts finished deliveries back. `more`: there are more than were put back at once. */
export type ReplayDesk = (which: Replay, caller: Caller) => Promise<Result<{ replayed: number; more: boolean }, Fault>>;

const time = () =>
  z.iso
    .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
    .transform((text) => Date.parse(text));

const Wish = z.union(
  [
    z.strictObject({ ids: z.array(z.uuid()).min(1).max(IDS) }),
    z
      .strictObject({
        destination: z.string().min(1).max(NAME_CHARACTERS),
        from: time(),
        to: time(),
        state: z.enum(['dead', 'delivered']).optional(),
      })
      .refine(({ from, to }) => from < to, { error: 'from must be before to', path: ['from'] })
      .transform(({ destination, from, to, state }) => ({
        destination,
        fromMs: from,
        toMs: to,
        states: state === undefined ? (['dead', 'delivered'] as const) : [state],
      })),
  ],
  { error: `must have ids (at most ${IDS}), or a destination with from and to` },
);

/** `POST /api/deliveries/replay`, for admins alone. */
export async function answerReplay(desk: ReplayDesk, question: AdminQuestion): Promise<AdminAnswer> {
  const asked = postedByAdmin(Wish, question);
  if (!asked.ok) return refusal(asked.fault);
  const replayed = await desk(asked.value, question.caller);
  return replayed.ok ? answered(200, replayed.value) : refusal(replayed.fault);
}
