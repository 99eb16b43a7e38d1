-- Control state: what operators decide while gateways run (src/contract/control.ts). Every change of any part counts the
-- one version up in the same transaction and says so on the channel `aperture_control`.
CREATE TABLE aperture.control (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  version bigint NOT NULL
);
INSERT INTO aperture.control (version) VALUES (0);

-- Each config that was ever in force, as it was written, with references where keys stood. Rows are never changed.
CREATE TABLE aperture.config_versions (
  number bigint PRIMARY KEY,
  text text NOT NULL,
  -- SHA-256 of the text, hex. An old text that comes back is a new version with an old hash.
  hash text NOT NULL,
  author text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  note text NOT NULL
);
CREATE INDEX config_versions_hash ON aperture.config_versions (hash, number);

-- The keys that stood in configs, encrypted (src/control/sealing.ts). Kept for as long as versions that name them are.
CREATE TABLE aperture.sealed_secrets (
  reference text PRIMARY KEY,
  place text NOT NULL,
  destination text NOT NULL,
  sealed text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Tokens that this gateway issued. The token itself is known to its holder alone.
CREATE TABLE aperture.tokens (
  id text PRIMARY KEY,
  name text NOT NULL,
  sha256 text NOT NULL UNIQUE,
  login text NOT NULL,
  tags text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz
);

-- The kill switch. Lifted entries stay, as what happened.
CREATE TABLE aperture.revocations (
  id text PRIMARY KEY,
  kind text NOT NULL,
  value text NOT NULL,
  reason text NOT NULL,
  by_login text NOT NULL,
  created_at timestamptz NOT NULL,
  until timestamptz,
  lifted_at timestamptz
);
CREATE INDEX revocations_standing ON aperture.revocations (created_at) WHERE lifted_at IS NULL;
