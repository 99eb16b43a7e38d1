-- The outbox: what is to be told to destinations outside. A row is inserted in the transaction that caused it, and is
-- the truth of what is delivered; queues only say where to look. Finished rows are deleted after a time, in batches.
CREATE TABLE aperture.deliveries (
  id uuid PRIMARY KEY,
  destination text NOT NULL,
  -- Counts per destination without a gap, in the order of ids. Given after the insert by one numberer at a time, so that
  -- those who insert share no row.
  sequence bigint,
  kind text NOT NULL,
  payload text NOT NULL CHECK (octet_length(payload) <= 65536),
  -- waiting, delivered or dead
  state text NOT NULL DEFAULT 'waiting',
  attempts int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  finished_at timestamptz,
  last_error text
);
-- Rows come and go: the dead ones among them are cleaned up long before a fifth of the table is dead.
ALTER TABLE aperture.deliveries SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 80);
CREATE INDEX deliveries_unnumbered ON aperture.deliveries (destination, id) WHERE state = 'waiting' AND sequence IS NULL;
CREATE INDEX deliveries_waiting ON aperture.deliveries (destination, sequence) WHERE state = 'waiting';
CREATE INDEX deliveries_expiring ON aperture.deliveries (expires_at) WHERE state = 'waiting';
CREATE INDEX deliveries_finished ON aperture.deliveries (state, finished_at) WHERE state <> 'waiting';
CREATE INDEX deliveries_dead ON aperture.deliveries (id) INCLUDE (destination) WHERE state = 'dead';
CREATE INDEX deliveries_destination ON aperture.deliveries (destination, id);

-- One row per destination that was ever configured. `holder` serves it until `held_until`; after failures nobody tries
-- before `open_until`.
CREATE TABLE aperture.delivery_destinations (
  name text PRIMARY KEY,
  last_sequence bigint NOT NULL DEFAULT 0,
  failures int NOT NULL DEFAULT 0,
  open_until timestamptz,
  holder text,
  held_until timestamptz
);
