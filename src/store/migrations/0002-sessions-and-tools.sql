-- Where a request continues what the provider's server remembers (previous_response_id).
ALTER TABLE aperture.records ADD COLUMN previous_response text;

-- What is known of conversations that are found by their content, one row per request of one: enough to see whether a
-- later request extends it. `scope` is a hash of login and session_base, `link` the chain's hash of all `messages`,
-- `chain` the hashes of the beginnings, 8 bytes each, the longest last. Leaves with the record's day.
CREATE TABLE aperture.session_turns (
  scope bytea NOT NULL,
  record_id uuid NOT NULL,
  session_id text NOT NULL,
  messages int NOT NULL,
  link bytea NOT NULL,
  chain bytea NOT NULL,
  PRIMARY KEY (scope, record_id)
) PARTITION BY RANGE (record_id);
CREATE INDEX session_turns_link ON aperture.session_turns (scope, link, record_id);
-- Whether a session had gone beyond so many messages.
CREATE INDEX session_turns_session ON aperture.session_turns (scope, session_id, messages);

-- One row per conversation of a caller, summed from the records as they come in. The key is a hash of login and
-- session_id, which together can be longer than an index entry may be. Lists hold the first names that came, in order
-- of the alphabet, up to a bound.
CREATE TABLE aperture.sessions (
  key bytea PRIMARY KEY,
  login text NOT NULL,
  session_id text NOT NULL,
  session_base text NOT NULL,
  parent_session_id text,
  node_id text NOT NULL,
  first_record_id uuid NOT NULL,
  last_record_id uuid NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  requests bigint NOT NULL,
  errors bigint NOT NULL,
  usage_absent bigint NOT NULL,
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
  tool_calls bigint NOT NULL,
  models text[] NOT NULL,
  agents text[] NOT NULL
);
-- Pages of the newest activity, of all and of one caller.
CREATE INDEX sessions_last ON aperture.sessions (last_record_id);
CREATE INDEX sessions_login_last ON aperture.sessions (login, last_record_id);
CREATE INDEX sessions_session ON aperture.sessions (session_id);
CREATE INDEX sessions_parent ON aperture.sessions (parent_session_id) WHERE parent_session_id IS NOT NULL;

-- One row per tool call that a response made. `key` is a hash of login, session and the call's id, or its name where
-- the API gives none: what its result is found by. The arguments stand in the record.
CREATE TABLE aperture.tool_calls (
  record_id uuid NOT NULL,
  position int NOT NULL,
  key bytea NOT NULL,
  call_id text,
  name text NOT NULL,
  bytes bigint NOT NULL,
  login text NOT NULL,
  session_id text NOT NULL,
  model text NOT NULL,
  agent text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (record_id, position)
) PARTITION BY RANGE (record_id);
-- Each filter of GET /api/tools that selects little, with the place last: a page is read in order, backwards.
CREATE INDEX tool_calls_login ON aperture.tool_calls (login, record_id, position);
CREATE INDEX tool_calls_name ON aperture.tool_calls (name, record_id, position);
CREATE INDEX tool_calls_model ON aperture.tool_calls (model, record_id, position);
CREATE INDEX tool_calls_session ON aperture.tool_calls (session_id, record_id, position);

-- Results of calls, as a later request carried them. A client may send one again: the first after the call counts,
-- which a reader finds by the order of ids, whatever was stored first.
CREATE TABLE aperture.tool_results (
  record_id uuid NOT NULL,
  position int NOT NULL,
  key bytea NOT NULL,
  call_id text NOT NULL,
  login text NOT NULL,
  session_id text NOT NULL,
  bytes bigint NOT NULL,
  is_error boolean NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (record_id, position)
) PARTITION BY RANGE (record_id);
CREATE INDEX tool_results_key ON aperture.tool_results (key, record_id);
