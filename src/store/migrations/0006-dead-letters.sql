-- What could not be stored, of every kind, as it came and with the reason: to be looked at, and tried again. `subject`
-- is the id of the record that it is or belongs to, or the queue whose job it was.
ALTER TABLE aperture.dead_records RENAME TO dead_letters;
ALTER TABLE aperture.dead_letters RENAME COLUMN record_id TO subject;
ALTER TABLE aperture.dead_letters ADD COLUMN kind text NOT NULL DEFAULT 'record';
ALTER TABLE aperture.dead_letters ALTER COLUMN kind DROP DEFAULT;
-- Pages go by it: a UUIDv7. Those that are there get one of their own time.
ALTER TABLE aperture.dead_letters ADD COLUMN id uuid;
UPDATE aperture.dead_letters SET id = (
  lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(sha256), 1, 3) || '8'
    || substr(md5(sha256), 4, 15))::uuid;
ALTER TABLE aperture.dead_letters ALTER COLUMN id SET NOT NULL;
ALTER TABLE aperture.dead_letters DROP CONSTRAINT dead_records_pkey;
ALTER TABLE aperture.dead_letters ADD PRIMARY KEY (id);
ALTER TABLE aperture.dead_letters ADD UNIQUE (kind, sha256);
DROP INDEX aperture.dead_records_at;
-- A record that lies here needs no journal any more.
CREATE INDEX dead_letters_subject ON aperture.dead_letters (subject);
