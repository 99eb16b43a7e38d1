-- What a record needs to be priced again: the sum that the provider itself named. Rows from before have none; those
-- that were booked with it carry it as their cost (price_version 'reported').
ALTER TABLE aperture.records ADD COLUMN reported_cost_nanodollars numeric;

-- What an answer about an earlier response said of that response (src/contract/record.ts, LateUsage). It is booked on
-- the exchange that made the response, as an amendment: found from here when that exchange is stored later.
ALTER TABLE aperture.records ADD COLUMN late_usage jsonb;
CREATE INDEX records_late_usage ON aperture.records ((late_usage ->> 'response_id')) WHERE late_usage IS NOT NULL;
