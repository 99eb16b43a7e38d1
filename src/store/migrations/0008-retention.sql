-- Figures stay for good (records, roll-ups, sessions); what was said and done is purged by the day. So the arguments of
-- tool calls stand with the calls, in a partition that goes, and a record counts them.
ALTER TABLE aperture.records ADD COLUMN tool_call_count int NOT NULL DEFAULT 0;
ALTER TABLE aperture.tool_calls ADD COLUMN arguments text;
UPDATE aperture.tool_calls AS call
   SET arguments = (record.tool_calls -> call.position - 1) ->> 'arguments'
  FROM aperture.records AS record
 WHERE record.id = call.record_id AND record.tool_calls <> '[]';
UPDATE aperture.records SET tool_call_count = jsonb_array_length(tool_calls), tool_calls = '[]' WHERE tool_calls <> '[]';
-- Written by the builds before only, which may still run beside this one.
ALTER TABLE aperture.records ALTER COLUMN tool_calls SET DEFAULT '[]';
DROP INDEX aperture.records_tools;

-- Filters that often select little, found slow at ten million records: a month was read for a page of nothing.
CREATE INDEX records_provider ON aperture.records (provider, id);
CREATE INDEX records_api ON aperture.records (api, id);
CREATE INDEX records_status ON aperture.records (status, id) WHERE status <> 200;
CREATE INDEX tool_calls_agent ON aperture.tool_calls (agent, record_id, position);

-- Up to which day (since the Unix epoch, UTC) each kind of data was purged. What comes later for such a day is not stored.
CREATE TABLE aperture.purged (
  what text PRIMARY KEY,
  through_day int NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Captures that came when their day was purged: counted in the watermark once, and not kept.
CREATE TABLE aperture.late_captures (
  id uuid PRIMARY KEY
);

-- How far each exporter has come: all exchanges up to this id are in what it wrote. Filled by the exporter.
CREATE TABLE aperture.exported (
  exporter text PRIMARY KEY,
  through_id uuid NOT NULL
);

-- What must outlive its retention, by whom and why. Released holds stay, as what happened.
CREATE TABLE aperture.holds (
  id uuid PRIMARY KEY,
  login text,
  session_id text,
  from_at timestamptz,
  to_at timestamptz,
  reason text NOT NULL,
  by_login text NOT NULL,
  created_at timestamptz NOT NULL,
  released_at timestamptz,
  released_by text,
  CHECK (login IS NOT NULL OR session_id IS NOT NULL)
);
CREATE INDEX holds_standing ON aperture.holds (created_at) WHERE released_at IS NULL;

-- Copies of held rows, made before their day goes, with the columns of what they are copies of: a migration that adds one
-- there adds it here.
CREATE TABLE aperture.held_captures (LIKE aperture.captures INCLUDING ALL);
CREATE TABLE aperture.held_indexed_headers (LIKE aperture.indexed_headers INCLUDING ALL);
CREATE TABLE aperture.held_blobs (LIKE aperture.blobs INCLUDING ALL);
CREATE TABLE aperture.held_tool_calls (LIKE aperture.tool_calls INCLUDING ALL);
CREATE TABLE aperture.held_tool_results (LIKE aperture.tool_results INCLUDING ALL);

-- The roll-ups of a day, UTC, beside those of its hours: a month of a large company is a million rows by the hour.
CREATE TABLE aperture.rollup_day (LIKE aperture.rollup_hour INCLUDING ALL);
ALTER TABLE aperture.rollup_day RENAME COLUMN hour TO day;
INSERT INTO aperture.rollup_day
SELECT date_trunc('day', hour, 'UTC'), key, login, node_id, groups, model, provider, agent, api, status,
       sum(requests), sum(refused), sum(usage_absent), sum(usage_partial), sum(usage_estimated), sum(cost_unknown),
       sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(cache_write_other),
       sum(output), sum(reasoning), sum(audio_in), sum(image_in), sum(audio_out), sum(image_out),
       sum(cost_nanodollars), sum(request_bytes), sum(response_bytes)
  FROM aperture.rollup_hour
 GROUP BY 1, key, login, node_id, groups, model, provider, agent, api, status;
