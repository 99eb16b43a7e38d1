-- The audit log: who did what to what, each entry with the hash of the one before (docs/audit.md). An entry is inserted in
-- the transaction that it tells of, numbered without a gap, and never changed.
CREATE TABLE aperture.audit (
  number bigint PRIMARY KEY,
  -- Milliseconds since the epoch: one whole number and one text for it, as what is hashed must be.
  at_ms bigint NOT NULL,
  by_login text NOT NULL,
  node_id text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  -- JSON, as the very text that was hashed.
  details text NOT NULL CHECK (octet_length(details) <= 65536),
  previous bytea NOT NULL,
  hash bytea NOT NULL
);
CREATE INDEX audit_at ON aperture.audit (at_ms);
CREATE INDEX audit_action ON aperture.audit (action, number);
CREATE INDEX audit_by ON aperture.audit (by_login, number);
CREATE INDEX audit_target ON aperture.audit (target, number);

-- What the log came to at some entries, signed with a key that the database does not have.
CREATE TABLE aperture.audit_checkpoints (
  number bigint PRIMARY KEY,
  hash bytea NOT NULL,
  at_ms bigint NOT NULL,
  -- SHA-256 of the public key.
  key_id text NOT NULL,
  signature bytea NOT NULL
);

-- An owner of the tables can take this away. That is what the chain and the checkpoints are for.
CREATE FUNCTION aperture.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'aperture.% is only ever added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON aperture.audit
  FOR EACH STATEMENT EXECUTE FUNCTION aperture.refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON aperture.audit_checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION aperture.refuse_change();
ALTER TABLE aperture.audit ENABLE ALWAYS TRIGGER only_added;
ALTER TABLE aperture.audit_checkpoints ENABLE ALWAYS TRIGGER only_added;
