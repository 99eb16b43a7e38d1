import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeOnce } from '../lib/whole-file.ts';

/** What the processes of one data directory share, beside the journal's slots. */
export interface LocalState {
  dataDir: string;
  /** The key from which all keyed hashes are derived. */
  secretKey: Buffer;
}

const KEY_BYTES = 32;

/** Opens or makes the data directory, 0700, files 0600. Throws with a sentence when it cannot. */
export function openLocalState(dataDir: string, secretKeyFile: string | undefined): LocalState {
  const folder = resolve(dataDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const keyFile = secretKeyFile ?? join(folder, 'secret-key');
  if (secretKeyFile !== undefined && !existsSync(secretKeyFile)) {
    throw new Error(`APERTURE_SECRET_KEY_FILE names ${secretKeyFile}, which does not exist`);
  }
  if (!existsSync(keyFile)) writeOnce(keyFile, `${randomBytes(KEY_BYTES).toString('hex')}\n`);
  const secretKey = Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex');
  if (secretKey.byteLength < KEY_BYTES) throw new Error(`${keyFile} must hold ${KEY_BYTES} bytes or more in hex`);
  return { dataDir: folder, secretKey };
}
