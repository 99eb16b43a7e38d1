import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../lib/error-code.ts';
import type { PostgresHome } from './postgres-home.ts';
import { childOptions, LOG_TAIL_BYTES } from './postgres-server.ts';

/** Who owns a cluster that we make. */
export const USER = 'aperture';

/** True when the cluster was made by this call. Several may try at once: the first rename wins. */
export async function initialise(place: PostgresHome): Promise<boolean> {
  if (existsSync(join(place.data, 'PG_VERSION'))) {
    checkMajorVersion(place);
    return false;
  }
  const mine = mkdtempSync(join(place.home, 'new-'));
  const passwordFile = join(mine, 'password');
  const data = join(mine, 'data');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, place.password, { mode: 0o600 });
  if (place.account !== undefined) {
    for (const path of [mine, data, passwordFile]) chownSync(path, place.account.uid, place.account.gid);
  }
  try {
    await runInitdb(place, data, passwordFile);
    renameSync(data, place.data);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
}

function checkMajorVersion(place: PostgresHome): void {
  const [ours] = /\d+/.exec(place.native.slice(place.native.lastIndexOf('native-'))) ?? [''];
  const theirs = readFileSync(join(place.data, 'PG_VERSION'), 'utf8').trim();
  if (ours !== theirs) {
    throw new Error(`${place.data} was made by Postgres ${theirs}; this is ${ours}: dump it there and load it here`);
  }
}

function runInitdb(place: PostgresHome, data: string, passwordFile: string): Promise<void> {
  const initdb = spawn(
    join(place.native, 'bin', 'initdb'),
    [
      `--pgdata=${data}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      // They make a password dear that can be guessed. Ours is 24 random bytes, and each connection pays for them.
      '--set=scram_iterations=1',
      '--encoding=UTF8',
      '--locale=C',
    ],
    { ...childOptions(place), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  initdb.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-LOG_TAIL_BYTES);
  });
  return new Promise((resolve, reject) => {
    initdb.once('error', reject);
    initdb.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`initdb ended with ${String(code)}: ${said.trim()}`));
    });
  });
}
