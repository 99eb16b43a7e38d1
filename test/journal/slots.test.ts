import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claimFreedSlot, claimSlot, removeSlot, SLOTS } from '../../src/journal/slots.ts';
import type { Slot } from '../../src/journal/slots.ts';
import { openJournal, scratchFolder } from './support.ts';

/** A journal of an earlier process: one segment, and nobody's lock. */
async function leaveSegment(slot: Slot): Promise<void> {
  const journal = await openJournal(slot.folder, { gatewayId: slot.gatewayId, lock: slot.lock });
  await journal.close(2000);
}

test('the first process of a data directory writes where journals have always been, under the name that is there', async () => {
  const dataDir = scratchFolder();
  const first = await claimSlot(dataDir);
  expect(first.folder).toBe(join(dataDir, 'journal'));
  expect(readFileSync(join(first.folder, 'gateway-id'), 'utf8')).toBe(`${first.gatewayId}\n`);
  await first.lock.release();
  const again = await claimSlot(dataDir);
  expect(again).toMatchObject({ folder: first.folder, gatewayId: first.gatewayId });
  await again.lock.release();
});

test('processes that start together have a slot and a name each', async () => {
  const dataDir = scratchFolder();
  const slots: Slot[] = [];
  for (let i = 0; i < 4; i += 1) slots.push(await claimSlot(dataDir));
  expect(slots.map(({ folder }) => folder)).toEqual(
    ['journal', 'journal-1', 'journal-2', 'journal-3'].map((name) => join(dataDir, name)),
  );
  expect(new Set(slots.map(({ gatewayId }) => gatewayId)).size).toBe(4);
  for (const { lock } of slots) await lock.release();
});

test('more processes than there are slots are refused', async () => {
  const dataDir = scratchFolder();
  const slots: Slot[] = [];
  for (let i = 0; i < SLOTS; i += 1) slots.push(await claimSlot(dataDir));
  await expect(claimSlot(dataDir)).rejects.toThrow(`all ${SLOTS} journal slots of ${dataDir} are in use`);
  for (const { lock } of slots) await lock.release();
});

test('a slot is freed when its process has gone and has left segments', async () => {
  const dataDir = scratchFolder();
  const [gone, living] = [await claimSlot(dataDir), await claimSlot(dataDir)];
  expect(await claimFreedSlot(dataDir)).toBeUndefined();
  await leaveSegment(gone);
  const freed = await claimFreedSlot(dataDir);
  expect(freed).toMatchObject({ folder: gone.folder, gatewayId: gone.gatewayId });
  expect(await claimFreedSlot(dataDir), 'it is taken up once').toBeUndefined();
  await freed?.lock.release();
  await living.lock.release();
});

test('a slot that was removed begins anew: other numbers, another name', async () => {
  const dataDir = scratchFolder();
  await leaveSegment(await claimSlot(dataDir));
  const freed = await claimFreedSlot(dataDir);
  if (freed === undefined) throw new Error('the slot is free');
  await removeSlot(freed);
  expect(existsSync(freed.folder)).toBe(false);
  const next = await claimSlot(dataDir);
  expect(next.folder).toBe(freed.folder);
  expect(next.gatewayId).not.toBe(freed.gatewayId);
  await next.lock.release();
});

test('removing a slot keeps what is no segment, and its name goes all the same', async () => {
  const dataDir = scratchFolder();
  await leaveSegment(await claimSlot(dataDir));
  const freed = await claimFreedSlot(dataDir);
  if (freed === undefined) throw new Error('the slot is free');
  writeFileSync(join(freed.folder, 'journal-7.seg.bad'), 'for its owner to look at');
  await removeSlot(freed);
  expect(readdirSync(freed.folder)).toEqual(['journal-7.seg.bad']);
});
