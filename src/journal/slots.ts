import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../lib/error-code.ts';
import { writeWhole } from '../lib/whole-file.ts';
import { FolderInUse, lockFolder, systemLockWorld } from './lock.ts';
import type { FolderLock } from './lock.ts';
import { segmentNumber } from './segment.ts';
import { makeFolder } from './segments.ts';

/*
 * A journal has one writer, and a data directory may have several processes: one that drains and the one that takes its
 * place. Each writes in a slot of its own: `journal`, `journal-1`, `journal-2`, … in the order in which they find one
 * free. What a process leaves in its slot, another takes up.
 */

/** Of one data directory. More processes than this are refused: something starts them over and over. */
export const SLOTS = 32;

export interface Slot {
  folder: string;
  /** What the database's watermarks of this folder's segments are kept under; made with the folder, and gone with it. */
  gatewayId: string;
  lock: FolderLock;
}

/** Takes the first slot that nobody has, and makes it where there is none. Throws when all are in use. */
export async function claimSlot(dataDir: string): Promise<Slot> {
  for (let number = 0; number < SLOTS; number += 1) {
    const folder = join(dataDir, slotName(number));
    await makeFolder(folder);
    const slot = await claim(folder);
    if (slot !== undefined) return slot;
  }
  throw new Error(`all ${SLOTS} journal slots of ${dataDir} are in use`);
}

/** Takes a slot that holds segments and whose process is gone; undefined where there is none. */
export async function claimFreedSlot(dataDir: string): Promise<Slot | undefined> {
  for (let number = 0; number < SLOTS; number += 1) {
    const folder = join(dataDir, slotName(number));
    if (!(await hasSegments(folder))) continue;
    const slot = await claim(folder);
    // Another process may have been quicker with all of it.
    if (slot !== undefined && (await hasSegments(folder))) return slot;
    await slot?.lock.release();
  }
  return undefined;
}

/** Removes a slot whose segments are all safe elsewhere, and gives it back. A file that is no segment stays. */
export async function removeSlot({ folder, lock }: Slot): Promise<void> {
  for (const name of await readdir(folder)) {
    if (segmentNumber(name) !== undefined) await rm(join(folder, name), { force: true });
  }
  // Numbers begin again, and so must the name they are counted under.
  await rm(join(folder, ID_FILE), { force: true });
  await lock.release();
  await rmdir(folder).catch((error: unknown) => {
    // Somebody has just taken it, or a damaged segment was set aside in it.
    if (!hasCode(error, 'ENOTEMPTY')) throw error;
  });
}

const ID_FILE = 'gateway-id';

/** The first is where the journal of a data directory has always been. */
function slotName(number: number): string {
  return number === 0 ? 'journal' : `journal-${number}`;
}

/** Undefined when another process has the folder, or has just removed it. */
async function claim(folder: string): Promise<Slot | undefined> {
  let lock: FolderLock;
  try {
    lock = await lockFolder(folder, await systemLockWorld());
  } catch (error) {
    if (error instanceof FolderInUse || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const file = join(folder, ID_FILE);
    if (!existsSync(file)) writeWhole(file, `${randomBytes(8).toString('hex')}\n`);
    return { folder, gatewayId: readFileSync(file, 'utf8').trim(), lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function hasSegments(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return names.some((name) => segmentNumber(name) !== undefined);
}
