import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { REVOCATION_KINDS } from '../contract/control.ts';
import type { ControlConfig, Revocation, TokenEntry } from '../contract/control.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { configChange, revocationChange, told, tokenChange } from './control-changes.ts';
import type { ConfigCause, Decision } from './control-changes.ts';

/** Notified with each change, in its transaction. */
export const CONTROL_CHANNEL = 'aperture_control';

/** A sealed key of a config, as its row is; what it means is the `control` room's business. */
export interface SecretRow {
  reference: string;
  place: string;
  destination: string;
  sealed: string;
}

export interface StoredControl {
  version: number;
  /** Undefined: none was ever saved. */
  config: ControlConfig | undefined;
  secrets: SecretRow[];
  tokens: TokenEntry[];
  /** Those that were not lifted. */
  revocations: Revocation[];
}

export interface NewConfig {
  text: string;
  hash: string;
  author: string;
  note: string;
  /** Why there is a new one, and by whom. */
  cause: ConfigCause;
  /** Those that stand in the text and may not be stored yet. */
  secrets: readonly SecretRow[];
  /** Hash of the version that it replaces; empty: there is none yet; undefined: whatever is there. */
  replaces: string | undefined;
}

export interface ConfigVersion {
  number: number;
  hash: string;
  author: string;
  /** RFC 3339. */
  at: string;
  note: string;
}

/**
 * The tables of control state. Every change is one transaction with the version, its notice, its entry in the audit log and
 * what others are told of it.
 */
export interface ControlStore {
  version(): Promise<number>;
  /** All parts, as they were at one moment. */
  read(): Promise<StoredControl>;
  /**
   * Adds a config version; the fault is the hash of the version that stands in its place. `before` runs last before it
   * holds, and undoes it all by throwing.
   */
  addConfig(config: NewConfig, before?: () => void): Promise<Result<ControlConfig, string>>;
  /** Newest first, below `before`. */
  versions(before: number | undefined, limit: number): Promise<ConfigVersion[]>;
  /** By number, or the newest with a hash. */
  findVersion(which: { number: number } | { hash: string }): Promise<(ConfigVersion & { text: string }) | undefined>;
  createToken(token: TokenEntry, by: Decision): Promise<void>;
  /** False where there is none. One that is revoked already stays as it is. */
  revokeToken(id: string, by: Decision): Promise<boolean>;
  addRevocation(revocation: Revocation, by: Decision): Promise<void>;
  /** False where none stands. */
  liftRevocation(id: string, by: Decision): Promise<boolean>;
}

/** Whole numbers of tables that people fill by hand stay far below what a double holds exactly. */
const Whole = z.coerce.number().int();

const ConfigRow = z.object({ number: Whole, text: z.string(), hash: z.string() });
const VersionRow = z
  .object({ number: Whole, hash: z.string(), author: z.string(), at: z.date(), note: z.string() })
  .transform(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
const SecretsRow = z.object({ reference: z.string(), place: z.string(), destination: z.string(), sealed: z.string() });
const TextRow = z.object({ text: z.string() });
const Time = z.date().transform((at) => at.getTime());
const TokenRow = z
  .object({
    id: z.string(),
    name: z.string(),
    sha256: z.string(),
    login: z.string(),
    tags: z.array(z.string()),
    created_at: Time,
    expires_at: Time.nullable(),
    revoked_at: Time.nullable(),
  })
  .transform(({ created_at, expires_at, revoked_at, ...row }): TokenEntry => {
    return { ...row, createdAtMs: created_at, expiresAtMs: expires_at, revokedAtMs: revoked_at };
  });
const RevocationRow = z
  .object({
    id: z.string(),
    kind: z.enum(REVOCATION_KINDS),
    value: z.string(),
    reason: z.string(),
    by_login: z.string(),
    created_at: Time,
    until: Time.nullable(),
  })
  .transform(({ by_login, created_at, until, ...row }): Revocation => {
    return { ...row, by: by_login, createdAtMs: created_at, untilMs: until };
  });

const TOKEN_COLUMNS = 'id, name, sha256, login, tags, created_at, expires_at, revoked_at';
const REVOCATION_COLUMNS = 'id, kind, value, reason, by_login, created_at, until';
const VERSION_COLUMNS = 'number, hash, author, at, note';

export function createControlStore(pool: Pool): ControlStore {
  return {
    version: async () => versionIn((await pool.query('SELECT version FROM aperture.control')).rows),
    read: () => inTransaction(pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', readAll),
    addConfig: (config, before) =>
      inTransaction(pool, 'BEGIN', async (client) => {
        await lock(client);
        const newest = await newestConfig(client);
        const standing = newest?.hash ?? '';
        if (config.replaces !== undefined && config.replaces !== standing) return failed(standing);
        await addSecrets(client, config.secrets);
        const number = (newest?.number ?? 0) + 1;
        await client.query(
          'INSERT INTO aperture.config_versions (number, text, hash, author, note) VALUES ($1, $2, $3, $4, $5)',
          [number, config.text, config.hash, config.author, config.note],
        );
        await countUp(client);
        await told(client, configChange(config, number, newest?.hash ?? null));
        before?.();
        return ok({ number, text: config.text, hash: config.hash });
      }),
    versions: async (before, limit) => {
      const { rows } = await pool.query(
        `SELECT ${VERSION_COLUMNS} FROM aperture.config_versions
         WHERE $1::bigint IS NULL OR number < $1 ORDER BY number DESC LIMIT $2`,
        [before ?? null, limit],
      );
      return z.array(VersionRow).parse(rows);
    },
    findVersion: async (which) => {
      const { rows } = await pool.query(
        `SELECT ${VERSION_COLUMNS}, text FROM aperture.config_versions
         WHERE ${'number' in which ? 'number = $1' : 'hash = $1'} ORDER BY number DESC LIMIT 1`,
        ['number' in which ? which.number : which.hash],
      );
      const row: unknown = rows[0];
      return row === undefined ? undefined : { ...VersionRow.parse(row), ...TextRow.parse(row) };
    },
    createToken: (token, by) =>
      changed(pool, async (client) => {
        await client.query(
          `INSERT INTO aperture.tokens (id, name, sha256, login, tags, created_at, expires_at, revoked_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [
            token.id,
            token.name,
            token.sha256,
            token.login,
            token.tags,
            new Date(token.createdAtMs),
            timeOrNull(token.expiresAtMs),
            timeOrNull(token.revokedAtMs),
          ],
        );
        await told(client, tokenChange('token.created', token, by));
      }),
    revokeToken: (id, by) =>
      changed(pool, async (client) => {
        const { rows } = await client.query(`SELECT ${TOKEN_COLUMNS} FROM aperture.tokens WHERE id = $1 FOR UPDATE`, [
          id,
        ]);
        const [token] = z.array(TokenRow).parse(rows);
        if (token === undefined) return false;
        if (token.revokedAtMs !== null) return true;
        await client.query('UPDATE aperture.tokens SET revoked_at = $2 WHERE id = $1', [id, new Date(by.atMs)]);
        await told(client, tokenChange('token.revoked', token, by));
        return true;
      }),
    addRevocation: (revocation, by) =>
      changed(pool, async (client) => {
        await client.query(
          `INSERT INTO aperture.revocations (id, kind, value, reason, by_login, created_at, until)
           VALUES ($1, $2, $3, $4, $5, $6, $7)`,
          [
            revocation.id,
            revocation.kind,
            revocation.value,
            revocation.reason,
            revocation.by,
            new Date(revocation.createdAtMs),
            timeOrNull(revocation.untilMs),
          ],
        );
        await told(client, revocationChange('set', revocation, by));
      }),
    liftRevocation: (id, by) =>
      changed(pool, async (client) => {
        const { rows } = await client.query(
          `UPDATE aperture.revocations SET lifted_at = $2 WHERE id = $1 AND lifted_at IS NULL
           RETURNING ${REVOCATION_COLUMNS}`,
          [id, new Date(by.atMs)],
        );
        const [revocation] = z.array(RevocationRow).parse(rows);
        if (revocation === undefined) return false;
        await told(client, revocationChange('lifted', revocation, by));
        return true;
      }),
  };
}

async function readAll(client: PoolClient): Promise<StoredControl> {
  const version = await client.query('SELECT version FROM aperture.control');
  const secrets = await client.query('SELECT reference, place, destination, sealed FROM aperture.sealed_secrets');
  const tokens = await client.query(`SELECT ${TOKEN_COLUMNS} FROM aperture.tokens ORDER BY created_at, id`);
  const revocations = await client.query(
    `SELECT ${REVOCATION_COLUMNS} FROM aperture.revocations
     WHERE lifted_at IS NULL ORDER BY created_at, id`,
  );
  return {
    version: versionIn(version.rows),
    config: await newestConfig(client),
    secrets: z.array(SecretsRow).parse(secrets.rows),
    tokens: z.array(TokenRow).parse(tokens.rows),
    revocations: z.array(RevocationRow).parse(revocations.rows),
  };
}

async function newestConfig(client: PoolClient): Promise<ControlConfig | undefined> {
  const { rows } = await client.query(
    'SELECT number, text, hash FROM aperture.config_versions ORDER BY number DESC LIMIT 1',
  );
  const row: unknown = rows[0];
  return row === undefined ? undefined : ConfigRow.parse(row);
}

async function addSecrets(client: PoolClient, secrets: readonly SecretRow[]): Promise<void> {
  await client.query(
    `INSERT INTO aperture.sealed_secrets (reference, place, destination, sealed)
     SELECT DISTINCT ON (1) * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
     ON CONFLICT (reference) DO UPDATE SET sealed = excluded.sealed`,
    [
      secrets.map(({ reference }) => reference),
      secrets.map(({ place }) => place),
      secrets.map(({ destination }) => destination),
      secrets.map(({ sealed }) => sealed),
    ],
  );
}

async function changed<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(pool, 'BEGIN', async (client) => {
    await lock(client);
    const result = await work(client);
    await countUp(client);
    return result;
  });
}

/** Changes happen one after the other, whichever process makes them. */
async function lock(client: PoolClient): Promise<void> {
  await client.query('SELECT version FROM aperture.control FOR UPDATE');
}

async function countUp(client: PoolClient): Promise<void> {
  await client.query('UPDATE aperture.control SET version = version + 1');
  await client.query('SELECT pg_notify($1, $2)', [CONTROL_CHANNEL, '']);
}

async function inTransaction<T>(pool: Pool, begin: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // The pool listens to idle connections only, and an error that nobody listens to ends the process. The statement
  // under way fails with it.
  client.on('error', ignore);
  let broken = true;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    broken = false;
    return result;
  } finally {
    client.removeListener('error', ignore);
    // A session that failed halfway is ended, and its transaction with it.
    client.release(broken);
  }
}

function ignore(): void {
  // Told by the statement that fails.
}

function versionIn(rows: unknown[]): number {
  return z.object({ version: Whole }).parse(rows[0]).version;
}

function timeOrNull(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
