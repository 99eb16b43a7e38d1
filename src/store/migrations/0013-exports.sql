-- What exporters write out (docs/export.md). One row per exporter that was ever configured: from its `backfill_end` on, each
-- new record is noted for it when it is stored; what was stored before is noted by and by, in order of ids, and
-- `backfilled_through` says how far. `holder` is the process that exports, until `held_until`.
CREATE TABLE aperture.exporters (
  name text PRIMARY KEY,
  backfilled_through uuid NOT NULL,
  backfill_end uuid NOT NULL,
  last_number bigint NOT NULL DEFAULT 0,
  -- Unix time in the name of the last object: no two have the same.
  last_named bigint NOT NULL DEFAULT 0,
  last_export_at timestamptz,
  -- More waited than the last file held.
  last_full boolean NOT NULL DEFAULT false,
  holder text,
  held_until timestamptz
);

-- Records that no file has yet, by when they were stored. They leave in the transaction that makes their file.
CREATE TABLE aperture.export_waiting (
  record_id uuid PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE aperture.export_waiting SET (autovacuum_vacuum_scale_factor = 0.02);

-- Files, with what is in them. A file is here, and its bytes in `export_parts`, before its upload begins: whoever uploads it,
-- and however often, it is the same bytes under the same name.
CREATE TABLE aperture.export_files (
  id uuid PRIMARY KEY,
  object_key text NOT NULL UNIQUE,
  first_number bigint NOT NULL UNIQUE,
  records int NOT NULL CHECK (records > 0),
  -- The least and the greatest id among its records.
  first_record uuid NOT NULL,
  last_record uuid NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts int NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_error text,
  bucket text,
  uploaded_at timestamptz
);
-- One at a time.
CREATE UNIQUE INDEX export_files_open ON aperture.export_files ((uploaded_at IS NULL)) WHERE uploaded_at IS NULL;

CREATE TABLE aperture.export_parts (
  file_id uuid NOT NULL REFERENCES aperture.export_files,
  position int NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (file_id, position)
);
-- It is compressed already.
ALTER TABLE aperture.export_parts ALTER COLUMN body SET STORAGE EXTERNAL;

-- In the transaction that stores them, by whatever build stores them: a build of before may run beside this one.
CREATE FUNCTION aperture.note_for_export() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM aperture.exporters) THEN
    INSERT INTO aperture.export_waiting (record_id) SELECT id FROM stored ORDER BY id ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER note_for_export AFTER INSERT ON aperture.records
  REFERENCING NEW TABLE AS stored FOR EACH STATEMENT EXECUTE FUNCTION aperture.note_for_export();
