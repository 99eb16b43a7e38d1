import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasCode } from '../lib/error-code.ts';
import type { Log } from '../lib/log.ts';
import { freshName } from '../lib/whole-file.ts';

/*
 * What a life has spent, for the next one: the journal's frames say it too, but they go with their segments. The file stands
 * in the process's own slot of the journal, whose lock says who may write it: processes of one data directory have a slot
 * each, and whoever takes up a slot finds the accounts with the segments.
 */

/** The account of one life. */
export interface Account {
  life: string;
  /** Nanodollars by bucket, ever. */
  spent: Record<string, number>;
}

const AccountFile = z.object({
  v: z.literal(1),
  life: z.string().min(1),
  spent: z.record(z.string(), z.number().min(0)),
});

/** Of the life that has the slot. */
const OWN_FILE = 'quota-accounts.json';
/** Of lives before it, one each, until the store is sure to know them. */
const EARLIER_FILE = /^quota-accounts\.[^.]+\.json$/;
/** What a process was writing when it was killed. */
const UNFINISHED_FILE = /^quota-accounts\.json\..+\.new$/;

/**
 * Puts the account in the place of what this life wrote before. It outlives the process, and not a power cut. Whoever calls
 * it waits for one call before the next, and has called `readAccounts` before the first.
 *
 * @throws Error when the disk does not take it; what was there before stays.
 */
export async function writeAccount(folder: string, { life, spent }: Account): Promise<void> {
  const file = join(folder, OWN_FILE);
  const fresh = freshName(file);
  try {
    await writeFile(fresh, JSON.stringify({ v: 1, life, spent }), { mode: 0o600 });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/**
 * The accounts that earlier lives left in a slot, for the one that has its lock. They stay there, out of the way of its own,
 * until `dropAccount`. A file that cannot be understood is set aside.
 */
export async function readAccounts(folder: string, log: Log): Promise<Account[]> {
  for (const name of await namesIn(folder)) {
    if (UNFINISHED_FILE.test(name)) await rm(join(folder, name), { force: true });
    if (name === OWN_FILE) await putBy(folder, log);
  }
  const accounts: Account[] = [];
  for (const name of await namesIn(folder)) {
    const account = EARLIER_FILE.test(name) ? await read(join(folder, name), log) : undefined;
    if (account !== undefined) accounts.push(account);
  }
  return accounts;
}

/** The store knows all of an earlier life: its account is not read again. */
export async function dropAccount(folder: string, life: string): Promise<void> {
  await rm(earlierFile(folder, life), { force: true });
}

/** A new life must not write over what the store may not have been told. */
async function putBy(folder: string, log: Log): Promise<void> {
  const file = join(folder, OWN_FILE);
  const account = await read(file, log);
  if (account !== undefined) await rename(file, earlierFile(folder, account.life));
}

/** A life may be called anything; a file may not. */
function earlierFile(folder: string, life: string): string {
  return join(folder, `quota-accounts.${Buffer.from(life).toString('base64url')}.json`);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Undefined where it is torn, or none of ours: then it is kept for its owner to look at, and in nobody's way. */
async function read(file: string, log: Log): Promise<Account | undefined> {
  let why: string;
  try {
    const parsed = AccountFile.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (parsed.success) return { life: parsed.data.life, spent: parsed.data.spent };
    why = z.prettifyError(parsed.error);
  } catch (error) {
    why = String(error);
  }
  log.warn({ file, why }, 'what an earlier process had spent cannot be read from this file; it is set aside');
  await rename(file, `${file}.bad`).catch((error: unknown) => {
    log.warn({ file, error: String(error) }, 'it cannot be set aside either');
  });
  return undefined;
}
