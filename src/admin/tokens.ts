import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import type { TokenEntry } from '../contract/control.ts';
import type { AdminAnswer } from '../contract/question.ts';
import { isTag, isTokenLogin } from '../identity/login.ts';
import { mintToken } from '../identity/tokens.ts';
import type { Clock } from '../lib/clock.ts';
import type { ControlDesk } from './control-desk.ts';
import { answered, futureTime, NO_CONTENT, plainText, readBody, refusal, timeText } from './question.ts';

const NAME_CHARACTERS = 128;
const TAGS = 32;

function wish(nowMs: number) {
  return z
    .strictObject({
      name: plainText(NAME_CHARACTERS).min(1, { error: 'is empty' }),
      login: z
        .string()
        .refine(isTokenLogin, { error: 'must be "token:" and up to 127 of a-z, 0-9, ".", "_", "@", "+", "-"' })
        .optional(),
      tags: z
        .array(z.string().refine(isTag, { error: 'must be a tag such as "tag:ci"' }))
        .max(TAGS, { error: `has more than ${TAGS} tags` })
        .default([]),
      expires_at: futureTime(nowMs),
    })
    .transform(({ name, login, tags, expires_at }) => ({
      name,
      login: login ?? `token:${name.toLowerCase().replaceAll(' ', '-')}`,
      tags,
      expiresAtMs: expires_at,
    }))
    .refine(({ login }) => isTokenLogin(login), { path: ['login'], error: 'must be given, as the name makes none' });
}

export async function listTokens(desk: ControlDesk, clock: Clock): Promise<AdminAnswer> {
  const tokens = await desk.tokens();
  if (!tokens.ok) return refusal(tokens.fault);
  return answered(200, { items: tokens.value.map((entry) => view(entry, clock.nowMs())), next: null });
}

/** Makes a token, and tells its text: the only time that anybody can. */
export async function createToken(
  desk: ControlDesk,
  clock: Clock,
  caller: Caller,
  body: Uint8Array,
): Promise<AdminAnswer> {
  const nowMs = clock.nowMs();
  const asked = readBody(wish(nowMs), body);
  if (!asked.ok) return refusal(asked.fault);
  const { text, entry } = mintToken(asked.value, nowMs);
  const created = await desk.createToken(entry, caller);
  return created.ok ? answered(201, { ...view(entry, nowMs), token: text }) : refusal(created.fault);
}

export async function revokeToken(desk: ControlDesk, id: string, caller: Caller): Promise<AdminAnswer> {
  const revoked = await desk.revokeToken(id, caller);
  return revoked.ok ? NO_CONTENT : refusal(revoked.fault);
}

/** Without its hash: it would let an admin's browser, and whatever reads it, test guesses. */
function view(entry: TokenEntry, nowMs: number) {
  const { id, name, login, tags, createdAtMs, expiresAtMs, revokedAtMs } = entry;
  const expired = expiresAtMs !== null && expiresAtMs <= nowMs;
  return {
    id,
    name,
    login,
    tags,
    state: revokedAtMs !== null ? 'revoked' : expired ? 'expired' : 'active',
    created_at: timeText(createdAtMs),
    expires_at: timeText(expiresAtMs),
    revoked_at: timeText(revokedAtMs),
  };
}
