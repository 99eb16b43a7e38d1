import { USAGE_KINDS } from '../contract/usage.ts';

/** What the rows of `rollup_hour` are about, beside the hour. */
export const ROLLUP_BY = ['login', 'node_id', 'groups', 'model', 'provider', 'agent', 'api', 'status'];

/** Members of a record that a roll-up sums as they are. */
const SUMMED = [...USAGE_KINDS, 'cost_nanodollars', 'request_bytes', 'response_bytes'];

/** What one record adds to the row of its hour, by column: SQL over its columns, and `refused`. */
const MEASURES: Record<string, string> = {
  requests: '1',
  refused: 'refused::int',
  usage_absent: `(NOT refused AND usage_state = 'absent')::int`,
  usage_partial: `(usage_state = 'partial')::int`,
  usage_estimated: `(usage_state = 'estimated')::int`,
  cost_unknown: '(NOT refused AND cost_nanodollars IS NULL)::int',
  ...Object.fromEntries(SUMMED.map((name) => [name, name])),
};

/** Columns that `addToRollups` reads, beside `refused`. */
export const ROLLUP_READS = ['received_at', 'usage_state', ...SUMMED, ...ROLLUP_BY];

/** Nothing was sent to a provider. */
export const REFUSED = `state IN ('denied', 'blocked') AND attempts = '[]'`;

const list = (names: readonly string[], of: (name: string) => string = (name) => name): string =>
  names.map(of).join(', ');

/**
 * The part of a statement that adds the rows of `from` to the roll-ups, each `times` times: -1 takes it out again. It
 * goes through its keys in order, so that two writers wait for one another rather than deadlock.
 */
export function addToRollups(from: string, times: string): string {
  const measures = Object.keys(MEASURES);
  return `
  INSERT INTO aperture.rollup_hour AS old (hour, key, ${list(ROLLUP_BY)}, ${list(measures)})
  SELECT
    date_trunc('hour', received_at, 'UTC'),
    sha256(convert_to(json_build_array(${list(ROLLUP_BY)})::text, 'UTF8')),
    ${list(ROLLUP_BY)},
    ${list(measures, (name) => `coalesce(sum(${times} * ${MEASURES[name] ?? ''}), 0)`)}
  FROM ${from}
  GROUP BY 1, 2, ${list(ROLLUP_BY)}
  ORDER BY 1, 2
  ON CONFLICT (hour, key) DO UPDATE SET ${list(measures, (name) => `${name} = old.${name} + excluded.${name}`)}`;
}
