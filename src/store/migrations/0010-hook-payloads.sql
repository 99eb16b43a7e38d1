-- What hooks are told of exchanges that are over, beside the deliveries that name it: bodies are larger than the outbox
-- takes. Packed as blobs are (src/capture/pack.ts). A row goes when its delivery has been made, or with it, and after
-- some days in any case: also where nothing is retained, bodies wait here for a hook that is away.
CREATE TABLE aperture.hook_payloads (
  delivery_id uuid PRIMARY KEY,
  bytes int NOT NULL,
  encoding text NOT NULL,
  body bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE aperture.hook_payloads ALTER COLUMN body SET STORAGE EXTERNAL;
-- Rows come and go.
ALTER TABLE aperture.hook_payloads SET (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX hook_payloads_age ON aperture.hook_payloads (created_at);
