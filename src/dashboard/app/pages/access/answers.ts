import * as z from 'zod/mini';

/** What can be shut out (`src/contract/control.ts`), and how one says it. */
export const REVOCATION_KINDS = {
  login: { name: 'User', placeholder: 'ada@example.com, or tag:ci' },
  node: { name: 'Device', placeholder: 'The node id, as requests have it' },
  token: { name: 'Token', placeholder: 'The token’s id' },
  session: { name: 'Session', placeholder: 'The session’s id' },
  model: { name: 'Model', placeholder: 'gpt-5-mini, or openai/gpt-5-mini' },
} as const;
export type RevocationKind = keyof typeof REVOCATION_KINDS;

export const Revocation = z.looseObject({
  id: z.string(),
  kind: z.enum(['login', 'node', 'token', 'session', 'model']),
  value: z.string(),
  reason: z.string(),
  by: z.string(),
  state: z.enum(['in_force', 'expired']),
  created_at: z.string(),
  until: z.nullable(z.string()),
});
export type Revocation = z.infer<typeof Revocation>;
/** `GET /api/revocations`. */
export const Revocations = z.looseObject({ items: z.array(Revocation) });

export const Token = z.looseObject({
  id: z.string(),
  name: z.string(),
  login: z.string(),
  tags: z.array(z.string()),
  state: z.enum(['active', 'expired', 'revoked']),
  created_at: z.string(),
  expires_at: z.nullable(z.string()),
  revoked_at: z.nullable(z.string()),
});
export type Token = z.infer<typeof Token>;
/** `GET /api/tokens`. */
export const Tokens = z.looseObject({ items: z.array(Token) });
/** `POST /api/tokens`: the only answer with the token's text. */
export const NewToken = z.extend(Token, { token: z.string() });

/** How long something is to last: nothing, for good, or a time from now. */
export const LASTS = { '1h': 3_600_000, '24h': 86_400_000, '30d': 30 * 86_400_000, '1y': 365 * 86_400_000 } as const;
export type Lasts = keyof typeof LASTS | 'ever';

/** The end of it as the API takes it. */
export function endOf(lasts: Lasts, nowMs: number): string | undefined {
  return lasts === 'ever' ? undefined : new Date(nowMs + LASTS[lasts]).toISOString();
}
