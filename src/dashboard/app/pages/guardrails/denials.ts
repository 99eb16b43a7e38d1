import * as z from 'zod/mini';
import { pathOf } from '../../api/client.ts';
import { DENIALS } from '../../api/shapes.ts';
import type { Denial } from '../../api/shapes.ts';
import { sumsOver } from '../../design/sums-over.ts';

export const DENIAL_NAMES: Record<Denial, string> = {
  grant: 'Grants',
  quota: 'Quota',
  kill_switch: 'Kill switch',
  hook: 'Hook',
  rule: 'Rule',
  other: 'The gateway',
};

/** What the codes of records (`denied_by`) say; what is not here is shown as its code. */
const CODES: Record<string, string> = {
  gateway_model_unknown: 'No grant for the model, or no such model',
  gateway_forbidden: 'No grant for it',
  gateway_quota_exceeded: 'Too little left in a budget',
  gateway_quota_unavailable: 'What is left could not be told',
  gateway_revoked: 'Shut out',
  gateway_guardrail_blocked: 'Blocked',
  gateway_guardrail_unavailable: 'It could not decide, and is set to refuse then',
  gateway_unguarded: 'It cannot read such a request',
  gateway_client_gone: 'The client left while it waited',
  gateway_model_missing: 'No model was named',
  gateway_model_other_api: 'The model is not to be had over this API',
  gateway_previous_response_not_found: 'The earlier response is not theirs',
  gateway_not_found: 'What it names is not theirs, or is not there',
};

export const DENIAL_CODES = Object.entries(CODES).map(([value, name]) => ({ value, name }));

export function codeInWords(code: string): string {
  return CODES[code] ?? code.replace(/^gateway_/, '').replaceAll('_', ' ');
}

const Denied = z.looseObject({
  denial: z.optional(z.enum(DENIALS)),
  code: z.optional(z.string()),
  login: z.optional(z.string()),
  model: z.optional(z.string()),
  time: z.optional(z.string()),
  requests: z.number(),
});
export type Denied = z.infer<typeof Denied>;

/** `GET /api/denials`. */
export const DenialReport = z.looseObject({
  items: z.array(Denied),
  total: z.looseObject({ requests: z.number(), users: z.number() }),
  truncated: z.boolean(),
});
export type DenialReport = z.infer<typeof DenialReport>;

export function denialsPath(
  { login }: { login?: string | undefined },
  { from, to }: { from: string; to: string },
  group: 'denial' | 'login' | 'model',
  interval?: 'hour' | 'day',
): string {
  return pathOf('/api/denials', { login, from, to, group, interval });
}

/** A series for each of whose word it was, over these times. */
export function denialsOver(times: readonly string[], items: readonly Denied[]): { name: string; values: number[] }[] {
  const all = DENIALS.map((denial) => ({
    name: DENIAL_NAMES[denial],
    values: sumsOver(
      times,
      items,
      ({ time }) => time,
      (item) => (item.denial === denial ? item.requests : 0),
    ),
  }));
  return all.filter(({ values }) => values.some((value) => value > 0));
}
