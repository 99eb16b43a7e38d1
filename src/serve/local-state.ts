import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What a gateway keeps beside its journal: its name, and the key from which all keyed hashes are derived. */
export interface LocalState {
  dataDir: string;
  /** Names this gateway's journal for ever: the database's watermarks are kept under it. */
  gatewayId: string;
  secretKey: Buffer;
}

const KEY_BYTES = 32;

/** Opens or makes the data directory, 0700, files 0600. Throws with a sentence when it cannot. */
export function openLocalState(dataDir: string, secretKeyFile: string | undefined): LocalState {
  const folder = resolve(dataDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  // Beside the segments: numbers begin again with the folder, and so must the name they are counted under.
  const journal = join(folder, 'journal');
  mkdirSync(journal, { recursive: true, mode: 0o700 });
  const gatewayId = once(join(journal, 'gateway-id'), () => randomBytes(8).toString('hex')).trim();
  const keyFile = secretKeyFile ?? join(folder, 'secret-key');
  if (secretKeyFile !== undefined && !existsSync(secretKeyFile)) {
    throw new Error(`APERTURE_SECRET_KEY_FILE names ${secretKeyFile}, which does not exist`);
  }
  const secretKey = Buffer.from(once(keyFile, () => randomBytes(KEY_BYTES).toString('hex')).trim(), 'hex');
  if (secretKey.byteLength < KEY_BYTES) throw new Error(`${keyFile} must hold ${KEY_BYTES} bytes or more in hex`);
  return { dataDir: folder, gatewayId, secretKey };
}

/** The file's text; made at first, whole or not at all. */
function once(file: string, make: () => string): string {
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, `${make()}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, 'utf8');
}
