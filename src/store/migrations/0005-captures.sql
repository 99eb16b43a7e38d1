-- Headers and bodies of exchanges, beside their records. A day's partitions of captures, blobs and indexed headers are
-- self-contained: they are dropped together, and nothing counts references.
CREATE TABLE aperture.captures (
  id uuid PRIMARY KEY,
  login text NOT NULL,
  request_headers jsonb NOT NULL,
  response_headers jsonb NOT NULL,
  -- How to put a body together (src/capture/recipe.ts); null where it was left out, or there is none.
  request_recipe bytea,
  request_bytes bigint,
  request_left_out text,
  response_recipe bytea,
  response_bytes bigint,
  response_left_out text,
  missing_frames int NOT NULL
) PARTITION BY RANGE (id);

-- Content by its hash, once a day and owner. `owner` is a hash of the login: what one login wrote is never told apart
-- from nothing by another's. `day` counts from the Unix epoch, UTC, and is the day of the record's id.
CREATE TABLE aperture.blobs (
  day int NOT NULL,
  owner bytea NOT NULL,
  sha256 bytea NOT NULL,
  bytes int NOT NULL,
  encoding text NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, owner, sha256)
) PARTITION BY RANGE (day);
-- It is compressed already.
ALTER TABLE aperture.blobs ALTER COLUMN body SET STORAGE EXTERNAL;

-- Headers that logs can be filtered by. Where only the presence of one counts, its value is null.
CREATE TABLE aperture.indexed_headers (
  record_id uuid NOT NULL,
  side text NOT NULL,
  name text NOT NULL,
  value text,
  PRIMARY KEY (record_id, side, name)
) PARTITION BY RANGE (record_id);
CREATE INDEX indexed_headers_value ON aperture.indexed_headers (name, value, record_id);

-- The watermark of captures, beside that of records.
ALTER TABLE aperture.journal_segments ADD COLUMN captures_in bigint NOT NULL DEFAULT 0;
