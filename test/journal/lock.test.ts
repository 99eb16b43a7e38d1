import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { lockFolder, systemLockWorld } from '../../src/journal/lock.ts';
import type { LockWorld } from '../../src/journal/lock.ts';
import { journalOptions, openJournal, scratchFolder } from './support.ts';

/** Start time of a process, read independently: the field after the 19th space that follows the name. */
function startOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(') ') + 2).split(' ')[19]!;
}

async function sleeper(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  return {
    pid: child.pid!,
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('a folder belongs to one journal of a process, until it is closed', async () => {
  const folder = scratchFolder();
  const first = await openJournal(folder);
  await expect(Journal.open(journalOptions(folder))).rejects.toThrow('already uses');
  await first.close(5000);
  await openJournal(folder);
});

test('a folder that another live process holds is refused, and that process is named', async () => {
  const folder = scratchFolder();
  const other = await sleeper();
  const { host } = await systemLockWorld();
  writeFileSync(join(folder, `lock-${host}-${other.pid}-${startOf(other.pid)}`), '');
  await expect(Journal.open(journalOptions(folder))).rejects.toThrow(`process ${other.pid}`);
  expect(readdirSync(folder)).toHaveLength(1); // nothing of ours is left behind
  await other.kill();
  const journal = await openJournal(folder);
  expect(readdirSync(folder).filter((name) => name.startsWith('lock-'))).toHaveLength(1);
  expect(journal.firstSegment).toBe(1);
});

test('the lock of a dead process whose id was given to another is taken over', async () => {
  const folder = scratchFolder();
  const other = await sleeper();
  const { host } = await systemLockWorld();
  writeFileSync(join(folder, `lock-${host}-${other.pid}-${Number(startOf(other.pid)) - 500}`), '');
  await openJournal(folder);
  await other.kill();
});

/** Claimants of one folder, with process ids of their own that all live. */
function world(pid: number, host = 'here'): LockWorld {
  return { host, pid, startOf: (of) => Promise.resolve(String(of * 10)), watchMs: 300 };
}

test('of many that come at once at most one gets the folder', async () => {
  for (let round = 0; round < 20; round++) {
    const folder = scratchFolder();
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => lockFolder(folder, world(100 + i))));
    const holders = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(holders.length).toBeLessThanOrEqual(1);
    for (const { value } of holders) await value.release();
    expect(readdirSync(folder)).toEqual([]);
    await (await lockFolder(folder, world(200))).release();
  }
});

test('a holder on another machine is known by its pulse', async () => {
  const folder = scratchFolder();
  const theirs = join(folder, 'lock-elsewhere-7-70');
  writeFileSync(theirs, '');
  const beating = { on: true };
  const beat = (async () => {
    for (let n = 0; beating.on; n++) {
      utimesSync(theirs, new Date(), new Date(Date.now() + n));
      await sleep(50);
    }
  })();
  await expect(lockFolder(folder, world(1))).rejects.toThrow('another machine or container');
  beating.on = false;
  await beat;
  await (await lockFolder(folder, world(1))).release();
  expect(readdirSync(folder)).toEqual([]);
});
