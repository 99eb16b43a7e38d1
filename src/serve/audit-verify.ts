import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Pool } from 'pg';
import type { Environment } from '../../config/environment.ts';
import { checkpointsIn } from '../audit/checkpoint.ts';
import { auditKeyOf, auditSeedOf, readPublicKey } from '../audit/key.ts';
import type { AuditPublicKey } from '../audit/key.ts';
import { placeOf, sentenceOf } from '../audit/verify.ts';
import type { ChainedEntry } from '../contract/audit.ts';
import type { Log } from '../lib/log.ts';
import { openPool } from '../store/database.ts';
import { eachPage, verifyLog } from './audit-log.ts';
import type { VerifyReport } from './audit-log.ts';
import { openLocalState } from './local-state.ts';
import { openDatabase } from './open-database.ts';
import { reportText, timeOf } from './show-audit.ts';

export interface VerifyOptions {
  from: string;
  /** Files of public keys, beside this gateway's own. */
  publicKey: readonly string[];
  /** A file of log lines, with checkpoints among them. */
  checkpoints?: string;
  json: boolean;
}

type Say = (text: string) => void;

const STATEMENT_MS = 60_000;
const CONNECT_MS = 10_000;
const EXIT_WRONG = 2;

/** `aperture audit verify`. Returns the exit code: 0 all is as it was written, 2 something is wrong, 1 nobody could look. */
export async function verifyAudit(
  options: VerifyOptions,
  environment: Environment,
  log: Log,
  say: Say,
): Promise<number> {
  const from = numberIn(options.from);
  const keys = keysOf(options, environment);
  if (from === undefined || keys.length === 0) {
    say(
      from === undefined ? '--from must be a number from 1 on' : `${environment.dataDir} has no key: give --public-key`,
    );
    return 1;
  }
  const { checkpoints: file } = options;
  const outside = file === undefined ? [] : checkpointsIn(readFileSync(file, 'utf8'));
  const report = await withPool(environment, log, (pool) => verifyLog(pool, { from, keys, outside }));
  const told = { file, found: outside.length };
  say(options.json ? JSON.stringify(asJson(report, told.found), null, 2) : reportText(report, from, told));
  return report.finding === undefined ? 0 : EXIT_WRONG;
}

/** `aperture audit export`: the rows as they were hashed, a JSON line each, the oldest first. */
export async function exportAudit(
  options: { from: string },
  environment: Environment,
  log: Log,
  say: Say,
): Promise<number> {
  const from = numberIn(options.from);
  if (from === undefined) {
    say('--from must be a number from 1 on');
    return 1;
  }
  await withPool(environment, log, (pool) =>
    eachPage(pool, from, (page) => {
      say(page.map(rowLine).join('\n'));
    }),
  );
  return 0;
}

function rowLine({ number, atMs, by, nodeId, action, target, details, previous, hash }: ChainedEntry): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const row = { number, at_ms: atMs, by_login: by, node_id: nodeId, action, target, details };
  return JSON.stringify({ ...row, previous: hex(previous), hash: hex(hash) });
}

function numberIn(text: string): bigint | undefined {
  return /^[1-9]\d{0,17}$/.test(text) ? BigInt(text) : undefined;
}

/** The gateway's own, where its secret key is here, and those that were named. */
function keysOf({ publicKey }: VerifyOptions, { dataDir, secretKeyFile }: Environment): AuditPublicKey[] {
  const isHere = existsSync(secretKeyFile ?? join(resolve(dataDir), 'secret-key'));
  const own = isHere ? [auditKeyOf(auditSeedOf(openLocalState(dataDir, secretKeyFile).secretKey))] : [];
  return [...own, ...publicKey.map(readKeyFile)];
}

export function readKeyFile(file: string): AuditPublicKey {
  try {
    return readPublicKey(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is no file of an Ed25519 public key in PEM`, { cause: error });
  }
}

async function withPool<T>(environment: Environment, log: Log, use: (pool: Pool) => Promise<T>): Promise<T> {
  const dataDir = resolve(environment.dataDir);
  if (environment.databaseUrl === undefined && !existsSync(dataDir)) {
    throw new Error(`${dataDir} does not exist: name the gateway's APERTURE_DATA_DIR or DATABASE_URL`);
  }
  const database = await openDatabase(environment, dataDir, log);
  const onError = (error: Error): void => {
    log.warn({ error: error.message }, 'the connection broke');
  };
  const limits = { max: 1, statementMs: STATEMENT_MS, waitMs: CONNECT_MS };
  const pool = openPool(database.address, { name: 'audit', ...limits, onError });
  try {
    return await use(pool);
  } finally {
    await pool.end();
    await database.embedded?.stop();
  }
}

function asJson(report: VerifyReport, outside: number): unknown {
  const { entries, checkpoints, through, signed, firstAtMs, lastAtMs, finding, entry } = report;
  return {
    ok: finding === undefined,
    entries,
    checkpoints,
    checkpoints_from_file: outside,
    through: Number(through),
    signed_through: Number(signed),
    first_at: timeOf(firstAtMs),
    last_at: timeOf(lastAtMs),
    finding:
      finding === undefined ? null : { kind: finding.kind, at: Number(placeOf(finding)), message: sentenceOf(finding) },
    entry: entry === undefined ? null : (JSON.parse(rowLine(entry)) as unknown),
  };
}
