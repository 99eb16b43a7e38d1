-- One row per accepted request, named after the fields of src/contract/record.ts. The id is a UUIDv7, so that its order
-- is the order of acceptance and a day is a range of ids. Rows are inserted once and never updated; a day's partition
-- is dropped as a whole.
CREATE TABLE aperture.records (
  id uuid PRIMARY KEY,
  gateway text NOT NULL,
  segment bigint NOT NULL,
  received_at timestamptz NOT NULL,
  first_byte_at timestamptz,
  ended_at timestamptz NOT NULL,
  login text NOT NULL,
  node_id text NOT NULL,
  node_name text NOT NULL,
  tags text[] NOT NULL,
  groups text[] NOT NULL,
  identity_source text NOT NULL,
  agent text NOT NULL,
  client_version text NOT NULL,
  user_agent text NOT NULL,
  provider text NOT NULL,
  key_id text NOT NULL,
  model text NOT NULL,
  model_served text,
  api text NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  status int NOT NULL,
  stream boolean NOT NULL,
  state text NOT NULL,
  denied_by text,
  -- The kinds of src/contract/usage.ts. All are null where there is no usage: absent is not zero.
  input_uncached bigint,
  cache_read bigint,
  cache_write_5m bigint,
  cache_write_1h bigint,
  cache_write_other bigint,
  output bigint,
  reasoning bigint,
  audio_in bigint,
  image_in bigint,
  audio_out bigint,
  image_out bigint,
  usage_state text NOT NULL,
  usage_detail jsonb NOT NULL,
  usage_flags text[] NOT NULL,
  -- Null where the price is unknown.
  cost_nanodollars bigint,
  cost_basis text,
  price_version text,
  service_tier text,
  session_id text NOT NULL,
  session_base text NOT NULL,
  parent_session_id text,
  agent_id text,
  stop_reason text,
  tool_calls jsonb NOT NULL,
  server_tools jsonb NOT NULL,
  attempts jsonb NOT NULL,
  edits jsonb NOT NULL,
  verdicts jsonb NOT NULL,
  grant_ids text[] NOT NULL,
  quota_charges jsonb NOT NULL,
  config_version text NOT NULL,
  request_bytes bigint NOT NULL,
  response_bytes bigint NOT NULL,
  request_sha256 text,
  response_sha256 text,
  provider_request_id text,
  response_id text,
  error jsonb
) PARTITION BY RANGE (id);

-- Each filter of GET /api/requests that selects little, with the id last: a page is read in order, backwards.
CREATE INDEX records_login ON aperture.records (login, id);
CREATE INDEX records_model ON aperture.records (model, id);
CREATE INDEX records_session ON aperture.records (session_id, id);
-- What is not complete is rare and looked for.
CREATE INDEX records_unfinished ON aperture.records (state, id) WHERE state <> 'complete';
-- A response that a later request continues (previous_response_id).
CREATE INDEX records_response ON aperture.records (response_id) WHERE response_id IS NOT NULL;
CREATE INDEX records_tools ON aperture.records (id) WHERE tool_calls <> '[]';

-- Facts that arrive after the record: background usage, tool results, repricing. Partitioned by the record's id, so
-- that they leave with it.
CREATE TABLE aperture.amendments (
  record_id uuid NOT NULL,
  id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL,
  body jsonb NOT NULL,
  PRIMARY KEY (record_id, id)
) PARTITION BY RANGE (record_id);

-- The watermark: how many records of a journal segment are in `records`. The gateway drops a segment when all are.
CREATE TABLE aperture.journal_segments (
  gateway text NOT NULL,
  segment bigint NOT NULL,
  records_in bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (gateway, segment)
);
CREATE INDEX journal_segments_changed ON aperture.journal_segments (gateway, changed_at);

-- Records that could not be stored as they were, whole, with the reason: to be looked at and put in by hand.
CREATE TABLE aperture.dead_records (
  sha256 text PRIMARY KEY,
  record_id text,
  at timestamptz NOT NULL DEFAULT now(),
  error text NOT NULL,
  body text NOT NULL
);
CREATE INDEX dead_records_at ON aperture.dead_records (at);

-- What the dashboard sums. `refused`: nothing was sent to a provider. Of the others, `usage_absent` and `cost_unknown`
-- count those whose tokens or cost the sums lack. The key is a hash of what the row is about, since together the names
-- can be longer than an index entry may be.
CREATE TABLE aperture.rollup_hour (
  hour timestamptz NOT NULL,
  key bytea NOT NULL,
  login text NOT NULL,
  node_id text NOT NULL,
  groups text[] NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  agent text NOT NULL,
  api text NOT NULL,
  status int NOT NULL,
  requests bigint NOT NULL,
  refused bigint NOT NULL,
  usage_absent bigint NOT NULL,
  usage_partial bigint NOT NULL,
  usage_estimated bigint NOT NULL,
  cost_unknown bigint NOT NULL,
  input_uncached bigint NOT NULL,
  cache_read bigint NOT NULL,
  cache_write_5m bigint NOT NULL,
  cache_write_1h bigint NOT NULL,
  cache_write_other bigint NOT NULL,
  output bigint NOT NULL,
  reasoning bigint NOT NULL,
  audio_in bigint NOT NULL,
  image_in bigint NOT NULL,
  audio_out bigint NOT NULL,
  image_out bigint NOT NULL,
  cost_nanodollars numeric(38, 0) NOT NULL,
  request_bytes bigint NOT NULL,
  response_bytes bigint NOT NULL,
  PRIMARY KEY (hour, key)
);
-- A user's own usage.
CREATE INDEX rollup_hour_login ON aperture.rollup_hour (login, hour);
