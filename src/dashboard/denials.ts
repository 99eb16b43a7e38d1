import type { Pool } from 'pg';
import { Conditions } from './conditions.ts';
import type { TimeRange } from './conditions.ts';
import { countReportOf, LIMIT_ITEMS } from './count-report.ts';
import type { CountReport } from './count-report.ts';
import { timeOf } from './queries.ts';
import type { UsageInterval } from './usage.ts';

/** Whose word it was: a grant's (or that there is none), a quota's, the kill switch's, a hook's, a rule's, or the gateway's. */
export const DENIALS = ['grant', 'quota', 'kill_switch', 'hook', 'rule', 'other'] as const;
/** What one may ask for: `any` that was denied at all. */
export const DENIAL_FILTERS = ['any', ...DENIALS] as const;
export type DenialFilter = (typeof DENIAL_FILTERS)[number];

/** By the fault that a record names in `denied_by`. */
const CODES = {
  grant: ['gateway_model_unknown', 'gateway_forbidden', 'gateway_no_role'],
  quota: ['gateway_quota_exceeded', 'gateway_quota_unavailable'],
  kill_switch: ['gateway_revoked'],
} as const;
/** Rules' and hooks': the last verdict is that of the one that refused. */
const GUARDED = ['gateway_guardrail_blocked', 'gateway_guardrail_unavailable', 'gateway_unguarded'] as const;
const KNOWN = [...Object.values(CODES).flat(), ...GUARDED];

const BY_HOOK = `verdicts->-1->>'type' = 'hook'`;
const listed = (codes: readonly string[]): string => codes.map((code) => `'${code}'`).join(', ');

/** SQL over a record that has a `denied_by`. */
const DENIAL = `CASE
  ${Object.entries(CODES)
    .map(([denial, codes]) => `WHEN denied_by IN (${listed(codes)}) THEN '${denial}'`)
    .join(' ')}
  WHEN denied_by NOT IN (${listed(GUARDED)}) THEN 'other'
  WHEN ${BY_HOOK} THEN 'hook' ELSE 'rule' END`;

/** In the words of its index; what none of these names needs all that was denied. */
export function addDenial(conditions: Conditions, denial: DenialFilter | undefined): void {
  if (denial === undefined) return;
  conditions.always('denied_by IS NOT NULL');
  switch (denial) {
    case 'any':
      return;
    case 'hook':
    case 'rule':
      conditions.add('denied_by = ANY(?)', GUARDED);
      conditions.always(denial === 'hook' ? BY_HOOK : `(${BY_HOOK}) IS NOT TRUE`);
      return;
    case 'other':
      conditions.add('denied_by <> ALL(?)', KNOWN);
      return;
    default:
      conditions.add('denied_by = ANY(?)', CODES[denial]);
  }
}

/** Which; each filter narrows. `owner` is set for users and beats everything. */
export interface DeniedFilter extends TimeRange {
  owner: string | undefined;
  login: string | undefined;
  model: string | undefined;
  denial: DenialFilter | undefined;
}

export const DENIAL_GROUPS = ['denial', 'login', 'model'] as const;
export type DenialGroup = (typeof DENIAL_GROUPS)[number];

/**
 * Counts of requests that were denied, in order of time, else the most frequent first. By `denial`, each code of it is an
 * item of its own.
 */
export async function countDenials(
  pool: Pool,
  filter: DeniedFilter & { fromMs: number; toMs: number },
  group: DenialGroup,
  interval: UsageInterval | undefined,
): Promise<CountReport> {
  const conditions = new Conditions();
  conditions.add('login = ?', filter.owner);
  conditions.add('login = ?', filter.login);
  conditions.add('model = ?', filter.model);
  addDenial(conditions, filter.denial ?? 'any');
  conditions.addTimes(filter, 'id');
  const isTimed = interval !== undefined;
  const by = [...(isTimed ? ['time'] : []), ...(group === 'denial' ? ['denial', 'code'] : [group])].join(', ');
  const { rows } = await pool.query(
    `WITH denied AS (
       SELECT login, model, denied_by AS code, ${DENIAL} AS denial,
         ${isTimed ? timeOf(`date_trunc('${interval}', received_at, 'UTC')`) : 'NULL'} AS time
         FROM aperture.records ${conditions.where}
     ), items AS (
       SELECT ${by}, count(*) AS requests FROM denied
        GROUP BY ${by}
        ORDER BY ${isTimed ? by : `requests DESC, ${by}`}
        ${LIMIT_ITEMS}
     )
     SELECT (SELECT coalesce(json_agg(items), '[]') FROM items) AS items,
       (SELECT json_build_object('requests', count(*), 'users', count(DISTINCT login)) FROM denied) AS total`,
    conditions.values,
  );
  return countReportOf(rows);
}
