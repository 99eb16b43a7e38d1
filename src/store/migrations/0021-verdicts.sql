-- What rules and hooks said of requests, but for those that found nothing: a row for each verdict of `records.verdicts` that
-- says more than `allow`. A figure like the record, and never dropped; what was found is not in it, only how much of which
-- kind. `found` is the sum of `counts`.
CREATE TABLE aperture.verdicts (
  record_id uuid NOT NULL,
  position int NOT NULL,
  at timestamptz NOT NULL,
  login text NOT NULL,
  rule text NOT NULL,
  type text NOT NULL,
  side text NOT NULL,
  action text NOT NULL,
  shadow boolean NOT NULL,
  counts jsonb NOT NULL,
  found bigint NOT NULL,
  PRIMARY KEY (record_id, position)
);
-- The filters of GET /api/requests and /api/verdicts, with the record last: a page is read in order, backwards.
CREATE INDEX verdicts_rule ON aperture.verdicts (rule, record_id);
CREATE INDEX verdicts_login ON aperture.verdicts (login, record_id);
INSERT INTO aperture.verdicts
SELECT id, position, received_at, login, left(verdict ->> 'rule', 256), left(verdict ->> 'type', 64), verdict ->> 'side',
       verdict ->> 'action', (verdict ->> 'shadow')::boolean, verdict -> 'counts',
       (SELECT least(coalesce(sum(count::numeric), 0), 9e18)::bigint FROM jsonb_each_text(verdict -> 'counts') AS each (kind, count))
  FROM aperture.records CROSS JOIN LATERAL jsonb_array_elements(verdicts) WITH ORDINALITY AS told (verdict, position)
 WHERE verdicts <> '[]' AND verdict ->> 'action' <> 'allow';

-- What was denied is rare, and asked for by why.
CREATE INDEX records_denied ON aperture.records (denied_by, id) WHERE denied_by IS NOT NULL;
