/** Names of tools and agents stand in indexes. The assembler's bounds are lower; a job may be another's. */
const NAME_CHARS = 256;

/**
 * What a call and its result have in common. The session is in it, since servers number the calls of a conversation
 * (`call_0`), and Gemini may give no id but the tool's name.
 */
const key = (id: string): string =>
  `substr(sha256(convert_to(json_build_array(login, session_id, ${id})::text, 'UTF8')), 1, 16)`;

/**
 * Parts of the statement that stores records: of the rows that were new (`inserted`), the calls of the response and the
 * results that the request carried. OpenAI's Responses name older results in each request: those that were stored are
 * left out. That only saves room: of two results, readers take the first.
 */
export const TOOL_PARTS = `
tool_call AS (
  INSERT INTO aperture.tool_calls (
    record_id, position, key, call_id, name, arguments, bytes, login, session_id, model, agent, at
  )
  SELECT id, position, ${key(`coalesce(call->>'id', call->>'name')`)}, call->>'id', left(call->>'name', ${NAME_CHARS}),
    call->>'arguments', (call->>'bytes')::bigint, login, session_id, model, left(agent, ${NAME_CHARS}), received_at
  FROM inserted JOIN (SELECT id, tool_calls FROM input) AS making USING (id)
  CROSS JOIN LATERAL json_array_elements(tool_calls) WITH ORDINALITY AS calls (call, position)
), carried AS (
  SELECT id AS record_id, position, ${key(`result->>'id'`)} AS key, result->>'id' AS call_id, login, session_id,
    (result->>'bytes')::bigint AS bytes, (result->>'is_error')::boolean AS is_error, received_at AS at, api
  FROM inserted JOIN (SELECT id, tool_results FROM input) AS carrying USING (id)
  CROSS JOIN LATERAL json_array_elements(tool_results) WITH ORDINALITY AS results (result, position)
), tool_result AS (
  INSERT INTO aperture.tool_results (record_id, position, key, call_id, login, session_id, bytes, is_error, at)
  SELECT record_id, position, key, call_id, login, session_id, bytes, is_error, at
  FROM carried
  WHERE api <> 'openai_responses' OR NOT EXISTS (
    SELECT FROM aperture.tool_results AS before
     WHERE before.key = carried.key AND before.record_id < carried.record_id AND before.record_id >= $2
  )
)`;
