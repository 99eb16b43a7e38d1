-- Buckets of quotas, where there is no Redis. Money in nanodollars; a balance has a fraction that refill left. Keys sort
-- by their bytes, and whoever locks several buckets locks them in this order.
CREATE TABLE aperture.quota_buckets (
  key text COLLATE "C" PRIMARY KEY,
  -- Of this bucket since it was made: a store that was emptied makes another.
  generation text NOT NULL DEFAULT gen_random_uuid()::text,
  capacity double precision NOT NULL,
  rate_amount double precision NOT NULL,
  rate_period_ms double precision NOT NULL,
  balance double precision NOT NULL,
  refilled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Of the forgotten bucket that this one was made again from: the least that anybody knew of its balance.
  origin_generation text,
  origin_balance double precision NOT NULL
);
-- Every claim updates its buckets in place.
ALTER TABLE aperture.quota_buckets SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 70);

-- What each life (a process from its start to its end) has said of each bucket: all that it ever spent there, and what it
-- holds since `told_at`.
CREATE TABLE aperture.quota_shares (
  key text COLLATE "C" NOT NULL REFERENCES aperture.quota_buckets ON DELETE CASCADE,
  life text NOT NULL,
  seen double precision NOT NULL,
  held double precision NOT NULL,
  told_at timestamptz NOT NULL,
  PRIMARY KEY (key, life)
);
ALTER TABLE aperture.quota_shares SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 70);

-- When a life was last heard of, in whatever bucket, to the minute: one that lives is not forgotten where it is idle.
CREATE TABLE aperture.quota_lives (
  life text PRIMARY KEY,
  heard_at timestamptz NOT NULL
);

-- Since when claims have come without a long pause; one row. After one, this may be an older copy, in which lives that
-- were heard of a moment ago look long gone.
CREATE TABLE aperture.quota_since (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  since timestamptz NOT NULL
);

CREATE FUNCTION aperture.ms_between(earlier timestamptz, later timestamptz) RETURNS double precision
LANGUAGE sql STABLE AS $$
  SELECT (extract(epoch FROM later) - extract(epoch FROM earlier))::double precision * 1000
$$;

-- A clock that was set back refills nothing.
CREATE FUNCTION aperture.refilled(bucket aperture.quota_buckets, moment timestamptz) RETURNS double precision
LANGUAGE sql STABLE AS $$
  SELECT least(
    bucket.capacity,
    bucket.balance
      + bucket.rate_amount * greatest(0, aperture.ms_between(bucket.refilled_at, moment)) / bucket.rate_period_ms
  )
$$;

-- One step over all buckets that are claimed. `claims` is an array of objects with the columns of `said` below; the answer
-- has one object each, in order of key.
CREATE FUNCTION aperture.claim_quotas(
  claiming text, claims jsonb, hold_ms double precision, forget_ms double precision, quiet_ms double precision
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  claim record;
  bucket aperture.quota_buckets;
  moment timestamptz := clock_timestamp();
  forgets boolean;
  already double precision;
  missed double precision;
  others double precision;
  extra double precision;
  give double precision;
  holding double precision;
  answers jsonb := '[]';
BEGIN
  -- What a crash of the server takes back is as an older copy: lives say it again. No request waits for a disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  IF NOT EXISTS (
    SELECT FROM aperture.quota_lives WHERE life = claiming AND heard_at > moment - interval '1 minute'
  ) THEN
    IF NOT EXISTS (SELECT FROM aperture.quota_lives WHERE aperture.ms_between(heard_at, moment) <= quiet_ms) THEN
      INSERT INTO aperture.quota_since VALUES (true, moment) ON CONFLICT (single) DO UPDATE SET since = EXCLUDED.since;
    END IF;
    INSERT INTO aperture.quota_lives VALUES (claiming, moment)
    ON CONFLICT (life) DO UPDATE SET heard_at = EXCLUDED.heard_at;
  END IF;
  forgets := EXISTS (SELECT FROM aperture.quota_since WHERE aperture.ms_between(since, moment) > quiet_ms);

  FOR claim IN
    SELECT * FROM jsonb_to_recordset(claims) AS said (
      key text, capacity double precision, rate_amount double precision, rate_period_ms double precision,
      spent double precision, committed double precision, asked double precision, lease double precision,
      known_generation text, known_balance double precision, known_spent double precision
    ) ORDER BY said.key COLLATE "C"
  LOOP
    LOOP
      SELECT * INTO bucket FROM aperture.quota_buckets WHERE key = claim.key FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO aperture.quota_buckets
        (key, capacity, rate_amount, rate_period_ms, balance, origin_generation, origin_balance)
      VALUES (
        claim.key, claim.capacity, claim.rate_amount, claim.rate_period_ms,
        least(claim.known_balance, claim.capacity), claim.known_generation, least(claim.known_balance, claim.capacity)
      ) ON CONFLICT DO NOTHING;
    END LOOP;
    -- Read once the bucket is ours: the claim before, which we may have waited for, has an earlier one.
    moment := clock_timestamp();

    -- Refilled as it was defined until now, then fitted to what it is defined as from now on.
    bucket.balance := least(aperture.refilled(bucket, moment), claim.capacity);

    SELECT share.seen INTO already FROM aperture.quota_shares AS share
     WHERE share.key = claim.key AND share.life = claiming;
    IF NOT FOUND THEN
      already := 0;
      IF claim.known_generation <> bucket.generation THEN
        already := claim.known_spent;
        -- Made again from what somebody knew who had heard of it earlier: what was spent in between is in what we know.
        IF coalesce(bucket.origin_generation, claim.known_generation) = claim.known_generation THEN
          missed := greatest(0, bucket.origin_balance - claim.known_balance);
          bucket.balance := bucket.balance - missed;
          bucket.origin_balance := bucket.origin_balance - missed;
          bucket.origin_generation := claim.known_generation;
        END IF;
      END IF;
    END IF;
    bucket.balance := bucket.balance - greatest(0, claim.spent - already);

    IF forgets THEN
      DELETE FROM aperture.quota_shares AS share
       WHERE share.key = claim.key AND share.life <> claiming AND aperture.ms_between(share.told_at, moment) > forget_ms
         AND NOT EXISTS (
           SELECT FROM aperture.quota_lives AS alive
            WHERE alive.life = share.life AND aperture.ms_between(alive.heard_at, moment) <= forget_ms
         );
    END IF;
    SELECT coalesce(sum(share.held), 0) INTO others FROM aperture.quota_shares AS share
     WHERE share.key = claim.key AND share.life <> claiming
       AND abs(aperture.ms_between(share.told_at, moment)) <= hold_ms;

    extra := greatest(0, bucket.balance - others - claim.committed);
    give := least(claim.asked, extra);
    holding := claim.committed + give + least(claim.lease, floor((extra - give) / 4));

    UPDATE aperture.quota_buckets
       SET capacity = claim.capacity, rate_amount = claim.rate_amount, rate_period_ms = claim.rate_period_ms,
           balance = bucket.balance, refilled_at = moment, told_at = moment,
           origin_generation = bucket.origin_generation, origin_balance = bucket.origin_balance
     WHERE key = claim.key;
    INSERT INTO aperture.quota_shares VALUES (claim.key, claiming, greatest(already, claim.spent), holding, moment)
    ON CONFLICT (key, life) DO UPDATE
       SET seen = EXCLUDED.seen, held = EXCLUDED.held, told_at = EXCLUDED.told_at;
    answers := answers || jsonb_build_object(
      'key', claim.key, 'generation', bucket.generation, 'balance', bucket.balance, 'heldByOthers', others,
      'held', holding
    );
  END LOOP;
  RETURN answers;
END
$$;
