-- What each bucket of a quota was charged, by the hour in which the requests were accepted: a sum of the records' charges,
-- which stays for good, as the roll-ups do. Keys sort by their bytes, as where buckets live.
CREATE TABLE aperture.quota_hour (
  hour timestamptz NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  nanodollars numeric(38, 0) NOT NULL,
  PRIMARY KEY (hour, bucket)
);
-- A user's own buckets.
CREATE INDEX quota_hour_bucket ON aperture.quota_hour (bucket, hour);
INSERT INTO aperture.quota_hour
SELECT date_trunc('hour', received_at, 'UTC'), left(charge->>'bucket', 600), sum((charge->>'nanodollars')::numeric)
  FROM aperture.records CROSS JOIN LATERAL jsonb_array_elements(quota_charges) AS charges (charge)
 WHERE quota_charges <> '[]'
 GROUP BY 1, 2;

-- Filters of GET /api/requests that may select little, for which all records were read: by agent, and by a cost that is not
-- everyday (from $0.10 on: of cheaper ones, a page is full soon).
CREATE INDEX records_agent ON aperture.records (left(agent, 256), id);
CREATE INDEX records_dear ON aperture.records (cost_nanodollars) WHERE cost_nanodollars >= 100000000;
