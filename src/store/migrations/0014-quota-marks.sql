-- Which crossings of a bucket were told (src/quota/crossings.ts): changed in the transaction that tells them, so that
-- several gateways and their restarts tell each once. A bucket that never came to half of its capacity has no row.
CREATE TABLE aperture.quota_marks (
  key text COLLATE "C" PRIMARY KEY,
  -- Percent of the capacity: the highest crossing that was told and is not armed again; 0 for none.
  told smallint NOT NULL,
  -- Who decides by an older one tells nothing.
  version bigint NOT NULL DEFAULT 1,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE aperture.quota_marks SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 70);
