/** Names of rules stand in an index. */
const RULE_CHARS = 256;
const TYPE_CHARS = 64;

/**
 * The part of the statement that stores records which notes what rules said: of the rows that were new (`inserted`), each
 * verdict that says more than that nothing was found. Most say just that, and would be most of the table. What the schema lets
 * through must not fail here, as it would take the whole batch with it: a count may be any number.
 */
export const VERDICT_PARTS = `
judged AS (
  INSERT INTO aperture.verdicts (record_id, position, at, login, rule, type, side, action, shadow, counts, found)
  SELECT id, position, received_at, login, left(verdict->>'rule', ${RULE_CHARS}), left(verdict->>'type', ${TYPE_CHARS}),
    verdict->>'side', verdict->>'action', (verdict->>'shadow')::boolean, verdict->'counts',
    (SELECT least(coalesce(sum(count::numeric), 0), 9e18)::bigint FROM jsonb_each_text(verdict->'counts') AS each (kind, count))
  FROM inserted CROSS JOIN LATERAL jsonb_array_elements(verdicts) WITH ORDINALITY AS told (verdict, position)
  WHERE verdict->>'action' <> 'allow'
)`;
