-- How long answers took, as counts: of each day, model and agent, how many answers that came whole took as long as a range of
-- times is wide (src/store/latencies.ts). Half of them within how long, and nineteen of twenty, is told from it for a year as
-- soon as for a day. What one user had is counted from that user's records. `what`: until the first byte of a stream, or the
-- whole. The key is a hash of model, agent and what, as in the roll-ups.
CREATE TABLE aperture.latency_day (
  day timestamptz NOT NULL,
  key bytea NOT NULL,
  bucket int NOT NULL,
  model text NOT NULL,
  agent text NOT NULL,
  what text NOT NULL,
  requests bigint NOT NULL,
  PRIMARY KEY (day, key, bucket)
);
INSERT INTO aperture.latency_day
SELECT date_trunc('day', received_at, 'UTC'), sha256(convert_to(json_build_array(model, agent, what)::text, 'UTF8')),
       floor(ln(greatest((extract(epoch FROM at - received_at) * 1000)::float8, 1)) / ln(1.1::float8))::int,
       model, agent, what, count(*)
  FROM aperture.records
       CROSS JOIN LATERAL (VALUES ('first_byte', CASE WHEN stream THEN first_byte_at END), ('whole', ended_at)) AS moment (what, at)
 WHERE state = 'complete' AND status < 400 AND first_byte_at IS NOT NULL AND at IS NOT NULL
 GROUP BY 1, 2, 3, 4, 5, 6;
