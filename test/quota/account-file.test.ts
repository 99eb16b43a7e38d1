import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claimSlot } from '../../src/journal/slots.ts';
import { silentLog } from '../../src/lib/log.ts';
import { dropAccount, readAccounts, writeAccount } from '../../src/quota/account-file.ts';
import { scratchFolder } from '../journal/support.ts';

const one = { life: 'life-1', spent: { 'daily:alice@example.com': 1_500_000_000, 'org-monthly': 7 } };
const two = { life: 'life-2', spent: { 'org-monthly': 8 } };

test('an account is read by the life after it as it was last written, and only its owner may read the file', async () => {
  const folder = scratchFolder();
  await writeAccount(folder, { life: 'life-1', spent: {} });
  await writeAccount(folder, one);
  const file = join(folder, 'quota-accounts.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ v: 1, ...one });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['quota-accounts.json']);
  expect(await readAccounts(folder, silentLog)).toEqual([one]);
});

test('a new life does not write over an earlier one, until that is dropped', async () => {
  const folder = scratchFolder();
  await writeAccount(folder, one);
  await readAccounts(folder, silentLog);
  await writeAccount(folder, two);
  const found = await readAccounts(folder, silentLog);
  expect(found).toHaveLength(2);
  expect(found).toEqual(expect.arrayContaining([one, two]));
  await dropAccount(folder, 'life-1');
  expect(await readAccounts(folder, silentLog)).toEqual([two]);
  await dropAccount(folder, 'life-2');
  await dropAccount(folder, 'life-2');
  expect(readdirSync(folder)).toEqual([]);
});

test('a life whose name is no file name has an account like others', async () => {
  const folder = scratchFolder();
  const odd = { life: '../a.b/"c" é', spent: { b: 1 } };
  await writeAccount(folder, odd);
  expect(await readAccounts(folder, silentLog)).toEqual([odd]);
  expect(await readAccounts(folder, silentLog)).toEqual([odd]);
  await dropAccount(folder, odd.life);
  expect(await readAccounts(folder, silentLog)).toEqual([]);
});

test.each([
  ['torn', '{"v":1,"life":"life-1","spent":{"org-mon'],
  ['empty', ''],
  ['of a later build', JSON.stringify({ v: 2, ...one })],
  ['of somebody else', '[]'],
  ['with what is no money', JSON.stringify({ v: 1, life: 'life-1', spent: { a: '5' } })],
])('a file that is %s is set aside with a warning, and the others are read', async (_, text) => {
  const folder = scratchFolder();
  await writeAccount(folder, two);
  await readAccounts(folder, silentLog);
  writeFileSync(join(folder, 'quota-accounts.json'), text);
  const lines: string[] = [];
  const log = { ...silentLog, warn: (fields: object) => lines.push(JSON.stringify(fields)) };
  expect(await readAccounts(folder, log)).toEqual([two]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('quota-accounts.json');
  expect(readFileSync(join(folder, 'quota-accounts.json.bad'), 'utf8')).toBe(text);
  // And it is over with.
  expect(await readAccounts(folder, log)).toEqual([two]);
  expect(lines).toHaveLength(1);
});

test('an earlier life’s file that was cut is set aside too', async () => {
  const folder = scratchFolder();
  await writeAccount(folder, one);
  await readAccounts(folder, silentLog);
  const [name = ''] = readdirSync(folder);
  truncateSync(join(folder, name), 20);
  expect(await readAccounts(folder, silentLog)).toEqual([]);
  expect(readdirSync(folder)).toEqual([`${name}.bad`]);
});

test('what a killed process was writing is cleared away, and what it had written stays', async () => {
  const folder = scratchFolder();
  await writeAccount(folder, one);
  writeFileSync(join(folder, 'quota-accounts.json.00ff00ff00ff.new'), '{"v":1,');
  expect(await readAccounts(folder, silentLog)).toEqual([one]);
  expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test('a write that fails leaves what was there', async () => {
  const folder = scratchFolder();
  await writeAccount(folder, one);
  // Not even root puts a file in the place of a folder.
  const blocked = scratchFolder();
  mkdirSync(join(blocked, 'quota-accounts.json'));
  await expect(writeAccount(blocked, two)).rejects.toThrow();
  expect(readdirSync(blocked)).toEqual(['quota-accounts.json']);
  await expect(writeAccount(join(folder, 'gone'), two)).rejects.toThrow();
  expect(await readAccounts(folder, silentLog)).toEqual([one]);
});

test('there is no account where there is no folder', async () => {
  expect(await readAccounts(join(scratchFolder(), 'gone'), silentLog)).toEqual([]);
});

test('processes that share a data directory have an account each, in their slots', async () => {
  const dataDir = scratchFolder();
  const slots = [await claimSlot(dataDir), await claimSlot(dataDir)];
  try {
    await writeAccount(slots[0]!.folder, one);
    await writeAccount(slots[1]!.folder, two);
    expect(await readAccounts(slots[0]!.folder, silentLog)).toEqual([one]);
    expect(await readAccounts(slots[1]!.folder, silentLog)).toEqual([two]);
  } finally {
    for (const slot of slots) await slot.lock.release();
  }
});
