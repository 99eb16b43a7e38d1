import { open, readdir, readFile, readlink, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../lib/error-code.ts';

/*
 * A folder belongs to one process. Each claimant first makes a file of its own, named after it, and then looks at the
 * others: of two that come at once at least one sees the other, so both never stay (at worst, both leave). The name says
 * all there is to know, so no half-written lock exists. A process that was killed leaves its file; the next one sees by
 * process id and start time that it is gone.
 *
 * Process ids mean nothing across machines and containers that share a volume. There a holder is known by its pulse: it
 * touches its file, and a file that stays untouched is nobody's.
 */

/** How often a holder touches its file. */
const PULSE_MS = 1_000;
/** How long a stranger's file is watched for a pulse: five missed beats. */
const WATCH_MS = 5_000;
const LOOK_EVERY_MS = 100;

/** `lock-<host>-<pid>-<start>`: host tells machine, boot and process namespace apart, start is in clock ticks. */
const LOCK_NAME = /^lock-([0-9a-z]+)-(\d+)-(\d+)$/;

export interface FolderLock {
  release(): Promise<void>;
}

/** Another process has the folder, or this one has it already. */
export class FolderInUse extends Error {}

/** How the lock looks at processes; tests hand in their own. */
export interface LockWorld {
  /** Same machine, boot and process namespace: same text, of `[0-9a-z]`. */
  host: string;
  pid: number;
  /** Start time of a process in clock ticks since boot; undefined when there is none such (a zombie counts as none). */
  startOf(pid: number): Promise<string | undefined>;
  watchMs: number;
}

export async function systemLockWorld(): Promise<LockWorld> {
  return { host: await hostName(), pid: process.pid, startOf: startOfProcess, watchMs: WATCH_MS };
}

/** Throws `FolderInUse`, naming the holder, when another process has the folder. May watch a stranger's file for some seconds. */
export async function lockFolder(folder: string, world: LockWorld): Promise<FolderLock> {
  const start = (await world.startOf(world.pid)) ?? '0';
  const mine = join(folder, `lock-${world.host}-${world.pid}-${start}`);
  const file = await open(mine, 'wx', 0o600).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw new FolderInUse(`this process already uses the journal folder ${folder}`, { cause: error });
  });
  await file.close();
  const touch = (): void => {
    const now = new Date();
    // A failing disk shows where it matters, in the writes.
    void utimes(mine, now, now).catch(() => undefined);
  };
  const pulse = setInterval(touch, PULSE_MS);
  pulse.unref();
  const release = async (): Promise<void> => {
    clearInterval(pulse);
    await rm(mine, { force: true });
  };
  try {
    await removeTheDead(folder, mine, world);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** Removes the files of processes that are gone; throws when one is not. */
async function removeTheDead(folder: string, mine: string, world: LockWorld): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!LOCK_NAME.test(name) || path === mine) continue;
    const holder = await holderOf(folder, name, world);
    if (holder !== undefined) throw new FolderInUse(`the journal folder ${folder} is in use by ${holder}`);
    await rm(path, { force: true });
  }
}

/** The process that a lock file says, in words; undefined when it is gone. May watch a stranger's file for some seconds. */
async function holderOf(folder: string, name: string, world: LockWorld): Promise<string | undefined> {
  const [, host, pid, start] = LOCK_NAME.exec(name) ?? [];
  if (host === world.host) return (await world.startOf(Number(pid))) === start ? `process ${pid ?? ''}` : undefined;
  const alive = await hasPulse(join(folder, name), world.watchMs);
  return alive ? `process ${pid ?? ''} of another machine or container` : undefined;
}

/** Who has the folder, in words; undefined when nobody has. Claims nothing and removes nothing. */
export async function folderHolder(folder: string, world: LockWorld): Promise<string | undefined> {
  for (const name of (await readdir(folder)).filter((each) => LOCK_NAME.test(each))) {
    const holder = await holderOf(folder, name, world);
    if (holder !== undefined) return holder;
  }
  return undefined;
}

/** Compares the file's own times, so that clocks of two machines need not agree. */
async function hasPulse(path: string, watchMs: number): Promise<boolean> {
  const touched = async (): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.mtimeMs;
  const before = await touched();
  for (let watchedMs = 0; before !== undefined && watchedMs < watchMs; watchedMs += LOOK_EVERY_MS) {
    await sleep(Math.min(LOOK_EVERY_MS, watchMs));
    const after = await touched();
    if (after !== before) return after !== undefined;
  }
  return false;
}

async function hostName(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'noboot');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '0');
  return `${boot}${namespace}`.toLowerCase().replaceAll(/[^0-9a-z]/g, '');
}

/** Field 22 of /proc/<pid>/stat. Where there is no /proc, a live process id has to do. */
async function startOfProcess(pid: number): Promise<string | undefined> {
  const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
  const text = await read(`/proc/${pid}/stat`);
  if (text === undefined) return (await read('/proc/self/stat')) === undefined && isRunning(pid) ? '0' : undefined;
  // The second field is the program's name in parentheses, which may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is one too.
    return hasCode(error, 'EPERM');
  }
}
