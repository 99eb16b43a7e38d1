import { USAGE_KINDS } from '../contract/usage.ts';

/** What the rows of the roll-ups are about, beside the hour or the day. */
const ROLLUP_BY = ['login', 'node_id', 'groups', 'model', 'provider', 'agent', 'api', 'status'];

/** Members of a record that a roll-up sums as they are. */
const SUMMED = [...USAGE_KINDS, 'cost_nanodollars', 'request_bytes', 'response_bytes'];

/** SQL over a record's columns and `refused`: sent to a provider, and nothing known of its usage, or of its cost. */
export const USAGE_ABSENT = `NOT refused AND usage_state = 'absent'`;
export const COST_UNKNOWN = 'NOT refused AND cost_nanodollars IS NULL';

/** What one record adds to the rows of its hour and day, by column: SQL over its columns, and `refused`. */
const MEASURES: Record<string, string> = {
  requests: '1',
  refused: 'refused::int',
  usage_absent: `(${USAGE_ABSENT})::int`,
  usage_partial: `(usage_state = 'partial')::int`,
  usage_estimated: `(usage_state = 'estimated')::int`,
  cost_unknown: `(${COST_UNKNOWN})::int`,
  ...Object.fromEntries(SUMMED.map((name) => [name, name])),
};

/** Columns that `addToRollups` reads, beside `refused`. */
export const ROLLUP_READS = ['received_at', 'usage_state', ...SUMMED, ...ROLLUP_BY];

/** Nothing was sent to a provider. */
export const REFUSED = `state IN ('denied', 'blocked') AND attempts = '[]'`;

const list = (names: readonly string[], of: (name: string) => string = (name) => name): string =>
  names.map(of).join(', ');

/**
 * The parts of a statement that add the rows of `from` to the roll-ups, each `times` times: -1 takes it out again. They
 * go through their keys in order, so that two writers wait for one another rather than deadlock.
 */
export function addToRollups(from: string, times: string): string {
  const measures = Object.keys(MEASURES);
  const add = (by: 'hour' | 'day'): string => `
  INSERT INTO aperture.rollup_${by} AS old (${by}, key, ${list(ROLLUP_BY)}, ${list(measures)})
  SELECT date_trunc('${by}', hour, 'UTC'), key, ${list(ROLLUP_BY)}, ${list(measures, (name) => `sum(${name})`)}
  FROM rolled_up
  GROUP BY 1, 2, ${list(ROLLUP_BY)}
  ORDER BY 1, 2
  ON CONFLICT (${by}, key) DO UPDATE SET ${list(measures, (name) => `${name} = old.${name} + excluded.${name}`)}`;
  return `rolled_up AS (
  SELECT
    date_trunc('hour', received_at, 'UTC') AS hour,
    sha256(convert_to(json_build_array(${list(ROLLUP_BY)})::text, 'UTF8')) AS key,
    ${list(ROLLUP_BY)},
    ${list(measures, (name) => `coalesce(sum(${times} * ${MEASURES[name] ?? ''}), 0) AS ${name}`)}
  FROM ${from}
  GROUP BY 1, 2, ${list(ROLLUP_BY)}
), rollup_hour AS (${add('hour')}
), rollup_day AS (${add('day')}
)`;
}
