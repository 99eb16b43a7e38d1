-- Who made what providers keep (files, batches, conversations, ...), by the ids that providers gave. Not of records, which
-- are read by day: an object may outlive them. A row goes some weeks after the object is gone or has expired
-- (src/store/resources.ts). Responses are found by their records.
CREATE TABLE aperture.resources (
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  provider text COLLATE "C" NOT NULL,
  login text NOT NULL,
  key_id text NOT NULL,
  model text NOT NULL,
  -- Of a file for a batch: the models that its lines name. Null: nobody looked.
  models text[],
  -- By the gateway's clock. Records come in any order: the later of the two says whether it is there.
  made_at timestamptz NOT NULL DEFAULT '-infinity',
  deleted_at timestamptz NOT NULL DEFAULT '-infinity',
  expires_at timestamptz,
  PRIMARY KEY (kind, id, provider, login)
);
-- What can go.
CREATE INDEX resources_gone ON aperture.resources (deleted_at) WHERE deleted_at > '-infinity';
CREATE INDEX resources_expired ON aperture.resources (expires_at) WHERE expires_at IS NOT NULL;
