import { USAGE_KINDS } from '../contract/usage.ts';
import { COST_UNKNOWN, USAGE_ABSENT } from './rollups.ts';

/** What a session's row is found by. */
export const SESSION_KEY = (login: string, session: string): string =>
  `sha256(convert_to(json_build_array(${login}, ${session})::text, 'UTF8'))`;

/** Models and agents that a session's row names. */
const NAMES = 32;

const SUMS: Record<string, string> = {
  requests: 'count(*)',
  // All that came to no proper end, but for clients that left.
  errors: `count(*) FILTER (WHERE state NOT IN ('complete', 'aborted'))`,
  usage_absent: `count(*) FILTER (WHERE ${USAGE_ABSENT})`,
  cost_unknown: `count(*) FILTER (WHERE ${COST_UNKNOWN})`,
  ...Object.fromEntries(
    [...USAGE_KINDS, 'cost_nanodollars'].map((name) => [name, `coalesce(sum(${name}), 0)`] as const),
  ),
  tool_calls: 'sum(tool_call_count)',
};

const edge = (name: string, order: 'ASC' | 'DESC'): string => `(array_agg(${name} ORDER BY id ${order}))[1]`;
const names = (list: string): string => `ARRAY(SELECT DISTINCT name FROM ${list} AS name ORDER BY 1 LIMIT ${NAMES})`;

/** Parts of the statement that stores records: of the rows that were new (`inserted`), the turns and the sums. */
export const SESSION_PARTS = `
session_turn AS (
  INSERT INTO aperture.session_turns (scope, record_id, session_id, messages, link, chain)
  SELECT decode(turn->>'scope', 'hex'), inserted.id, inserted.session_id, (turn->>'messages')::int,
    decode(turn->>'link', 'hex'), decode(turn->>'chain', 'hex')
  FROM inserted JOIN input USING (id)
  WHERE turn IS NOT NULL
), session AS (
  INSERT INTO aperture.sessions AS old (
    key, login, session_id, session_base, parent_session_id, node_id, first_record_id, last_record_id, first_at,
    last_at, models, agents, ${Object.keys(SUMS).join(', ')}
  )
  SELECT
    ${SESSION_KEY('login', 'session_id')}, login, session_id, ${edge('session_base', 'ASC')},
    (array_agg(parent_session_id ORDER BY id) FILTER (WHERE parent_session_id <> session_id))[1],
    ${edge('node_id', 'DESC')}, ${edge('id', 'ASC')}, ${edge('id', 'DESC')}, min(received_at), max(ended_at),
    ${names('unnest(array_agg(model))')}, ${names('unnest(array_agg(agent))')}, ${Object.values(SUMS).join(', ')}
  FROM inserted
  GROUP BY login, session_id
  ORDER BY 1
  ON CONFLICT (key) DO UPDATE SET
    parent_session_id = coalesce(old.parent_session_id, excluded.parent_session_id),
    node_id = CASE WHEN excluded.last_record_id > old.last_record_id THEN excluded.node_id ELSE old.node_id END,
    first_record_id = least(old.first_record_id, excluded.first_record_id),
    last_record_id = greatest(old.last_record_id, excluded.last_record_id),
    first_at = least(old.first_at, excluded.first_at),
    last_at = greatest(old.last_at, excluded.last_at),
    models = ${names('unnest(old.models || excluded.models)')},
    agents = ${names('unnest(old.agents || excluded.agents)')},
    ${Object.keys(SUMS)
      .map((name) => `${name} = old.${name} + excluded.${name}`)
      .join(', ')}
)`;

/** What an amendment may change of a session's sums: SQL over one row of `effects`, by column. */
const AMENDED: Record<string, string> = {
  usage_absent: `(${USAGE_ABSENT})::int`,
  cost_unknown: `(${COST_UNKNOWN})::int`,
  ...Object.fromEntries([...USAGE_KINDS, 'cost_nanodollars'].map((name) => [name, name])),
};

/** The part of a statement that corrects sessions by `effects`: each record as it was (`sign` -1) and as it is (1). */
export const AMENDED_SESSIONS = `
  UPDATE aperture.sessions AS old SET ${Object.keys(AMENDED)
    .map((name) => `${name} = old.${name} + change.${name}`)
    .join(', ')}
  FROM (
    SELECT ${SESSION_KEY('login', 'session_id')} AS key, ${Object.entries(AMENDED)
      .map(([name, sql]) => `coalesce(sum(sign * ${sql}), 0) AS ${name}`)
      .join(', ')}
    FROM effects GROUP BY 1
  ) AS change
  WHERE old.key = change.key`;
