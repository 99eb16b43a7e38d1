import { z } from 'zod';
import { answerTo } from '../contract/fault.ts';
import type { Fault } from '../contract/fault.ts';
import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { plainFaults } from '../protocols/plain-fault.ts';

export function answered(status: number, body: unknown): AdminAnswer {
  return { status, body: JSON.stringify(body) };
}

export const NO_CONTENT: AdminAnswer = { status: 204, body: '' };

/** An answer that says no, in the shape of the front door's own. */
export function refusal(fault: Fault): AdminAnswer {
  const { status, body } = plainFaults.shape(answerTo(fault), '');
  return { status, body };
}

/** What an admin posts. Who is none is not told what there is to ask. */
export function postedByAdmin<T>(schema: z.ZodType<T>, { method, path, role, body }: AdminQuestion): Result<T, Fault> {
  if (role !== 'admin') return failed({ code: 'forbidden', what: `${path} needs admin` });
  if (method !== 'POST') return failed({ code: 'method_not_allowed', method, path, allow: 'POST' });
  return readBody(schema, body);
}

/** Reads a JSON body; what is wrong with it becomes one `bad_parameter` that names the first bad field. */
export function readBody<T>(schema: z.ZodType<T>, body: Uint8Array): Result<T, Fault> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return failed({ code: 'bad_parameter', name: 'body', why: 'is not JSON' });
  }
  const read = schema.safeParse(json);
  if (read.success) return ok(read.data);
  const [issue] = read.error.issues;
  const name = issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.');
  return failed({ code: 'bad_parameter', name, why: issue?.message ?? 'cannot be read' });
}

/** A time of a request, which must lie ahead: RFC 3339, or null for none. Milliseconds since the epoch. */
export function futureTime(nowMs: number): z.ZodType<number | null> {
  return z.iso
    .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
    .transform((text) => Date.parse(text))
    .refine((ms) => ms > nowMs, { error: 'is not in the future' })
    .nullable()
    .default(null);
}

/** Text that an admin wrote for others to read: one line, without what could disguise it. */
export function plainText(characters: number): z.ZodString {
  return z
    .string()
    .max(characters, { error: `is longer than ${characters} characters` })
    .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]*$/u, { error: 'must be one line of plain text' });
}

export function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
