import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import type { BucketRow } from '../contract/quota.ts';
import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { answered, postedByAdmin, refusal } from './question.ts';

/** Longer than the longest login with the longest name before it. */
const KEY_CHARACTERS = 600;

export interface RefillDesk {
  /** Money of a config ("$5.00"), in nanodollars; the fault ends a sentence that begins with it. */
  parseMoney(text: string): Result<bigint, string>;
  /** Adds to a balance, up to the capacity, once that is in the audit log. Faults: `not_found`, `store_unavailable`. */
  refill(bucket: string, nanodollars: number, caller: Caller): Promise<Result<BucketRow, Fault>>;
  /** As the list shows it. */
  shown(row: BucketRow): unknown;
}

const Wish = z.strictObject({
  bucket: z
    .string({ error: 'must be the name of a bucket, such as daily:alice@example.com' })
    .min(1, { error: 'is empty' })
    .max(KEY_CHARACTERS, { error: `is longer than ${KEY_CHARACTERS} characters` })
    .refine((text) => !text.includes('\0'), { error: 'has a zero character' }),
  amount: z.string({ error: 'must be an amount such as "$5.00"' }),
});

/** `POST /api/quotas/refill`, for admins alone. */
export async function answerRefill(desk: RefillDesk, question: AdminQuestion): Promise<AdminAnswer> {
  const asked = postedByAdmin(Wish, question);
  if (!asked.ok) return refusal(asked.fault);
  const amount = amountOf(desk, asked.value.amount);
  if (!amount.ok) return refusal(amount.fault);
  const refilled = await desk.refill(asked.value.bucket, amount.value, question.caller);
  return refilled.ok ? answered(200, desk.shown(refilled.value)) : refusal(refilled.fault);
}

/** Above what a balance can hold, a refill fills it as well. */
function amountOf(desk: RefillDesk, text: string): Result<number, Fault> {
  const money = desk.parseMoney(text);
  const wrong = (why: string): Result<number, Fault> => failed({ code: 'bad_parameter', name: 'amount', why });
  if (!money.ok) return wrong(money.fault);
  if (money.value <= 0n) return wrong('must be above zero');
  return ok(Number(money.value));
}
