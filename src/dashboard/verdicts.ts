import type { Pool } from 'pg';
import { Conditions } from './conditions.ts';
import type { TimeRange } from './conditions.ts';
import { countReportOf, LIMIT_ITEMS } from './count-report.ts';
import type { CountReport } from './count-report.ts';
import { timeOf } from './queries.ts';
import type { UsageInterval } from './usage.ts';

/** What a rule can have said, but that it found nothing: of such verdicts there are no rows. */
export const VERDICT_ACTIONS = ['block', 'modify', 'redact', 'tokenise', 'flag', 'error'] as const;

/** One verdict that all of these fit. */
export interface VerdictLike {
  rule: string | undefined;
  /** One of these. */
  actions: (typeof VERDICT_ACTIONS)[number][] | undefined;
  /** Undefined: whether or not the rule was only tried. */
  shadow: boolean | undefined;
  /** A kind of what was found. */
  finding: string | undefined;
}

/** Which verdicts; each filter narrows. `owner` is set for users and beats everything. */
export interface VerdictFilter extends VerdictLike, TimeRange {
  owner: string | undefined;
  login: string | undefined;
}

export const VERDICT_GROUPS = ['rule', 'login', 'finding'] as const;
export type VerdictGroup = (typeof VERDICT_GROUPS)[number];

export function addVerdictLike(conditions: Conditions, { rule, actions, shadow, finding }: VerdictLike): void {
  conditions.add('rule = ?', rule);
  conditions.add('action = ANY(?)', actions);
  conditions.add('shadow = ?', shadow);
  conditions.add('jsonb_exists(counts, ?)', finding);
}

export function isAsked(like: VerdictLike): boolean {
  return Object.values(like).some((value) => value !== undefined);
}

const ACTIONS = VERDICT_ACTIONS.map((action) => `count(*) FILTER (WHERE action = '${action}') AS "${action}"`);
/** Of one request. */
const OF_REQUEST = ['count(*) AS verdicts', ...ACTIONS, 'sum(found) AS found'].join(', ');
/** Of many: each request is one row before they are counted, as a count of distinct ones sorts all rows. */
const SUMS = ['count(*) AS requests', ...['verdicts', ...VERDICT_ACTIONS, 'found'].map(summed)].join(', ');

function summed(name: string): string {
  return `coalesce(sum("${name}"), 0) AS "${name}"`;
}

/** A row for each kind that a verdict found, with how much of it. */
const EACH_KIND = `(
  SELECT time, record_id, action, left(each.kind, 256) AS grouped, each.count::numeric AS found, NULL AS type
    FROM judged CROSS JOIN LATERAL jsonb_each_text(counts) AS each (kind, count)
) AS row`;

const byColumn = (column: 'rule' | 'login'): string =>
  `(SELECT time, record_id, action, ${column} AS grouped, found, type FROM judged) AS row`;

/** What the rows of each grouping are. */
const ROWS: Record<VerdictGroup, string> = { rule: byColumn('rule'), login: byColumn('login'), finding: EACH_KIND };

/**
 * Counts of verdicts, in order of time, else those with the most first; under the grouping's name stands what is counted.
 */
export async function countVerdicts(
  pool: Pool,
  filter: VerdictFilter & { fromMs: number; toMs: number },
  group: VerdictGroup,
  interval: UsageInterval | undefined,
): Promise<CountReport> {
  const conditions = new Conditions();
  conditions.add('login = ?', filter.owner);
  conditions.add('login = ?', filter.login);
  addVerdictLike(conditions, filter);
  conditions.addTimes(filter, 'record_id');
  const isTimed = interval !== undefined;
  const by = isTimed ? '1, 2' : '1';
  const { rows } = await pool.query(
    `WITH judged AS NOT MATERIALIZED (
       SELECT record_id, login, rule, type, action, found, ${group === 'finding' ? 'counts' : 'NULL::jsonb AS counts'},
         ${isTimed ? `date_trunc('${interval}', at, 'UTC')` : 'NULL::timestamptz'} AS time
         FROM aperture.verdicts ${conditions.where}
     ), items AS (
       SELECT ${isTimed ? `${timeOf('time')} AS time,` : ''} grouped AS "${group}",
         ${group === 'rule' ? 'max(type) AS type,' : ''} ${SUMS}
         FROM (
           SELECT time, grouped, max(type) AS type, ${OF_REQUEST} FROM ${ROWS[group]} GROUP BY time, grouped, record_id
         ) AS each_request
        GROUP BY ${by}
        ORDER BY ${isTimed ? by : 'verdicts DESC, 1'}
        ${LIMIT_ITEMS}
     )
     SELECT (SELECT coalesce(json_agg(items), '[]') FROM items) AS items,
       (SELECT row_to_json(total) FROM (
         SELECT ${SUMS} FROM (SELECT ${OF_REQUEST} FROM judged GROUP BY record_id) AS each_request
       ) AS total) AS total`,
    conditions.values,
  );
  return countReportOf(rows);
}
