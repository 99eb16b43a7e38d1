import { appendFileSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { failed } from '../../src/lib/result.ts';
import { HoldingsFile } from '../../src/resources/holdings-file.ts';
import type { KeptNote } from '../../src/resources/holdings-file.ts';
import { Resources } from '../../src/resources/resources.ts';

const NOW_MS = Date.UTC(2026, 10, 29);
const DAY_MS = 86_400_000;

function note(id: string, more: Partial<KeptNote> = {}): KeptNote {
  return {
    ...{ op: 'made', kind: 'file', id, at_ms: NOW_MS, login: 'alice@example.com', provider: 'openai', key_id: 'key_1' },
    ...{ model: '' },
    ...more,
  };
}

const folder = (): string => join(mkdtempSync(join(tmpdir(), 'holdings-')), 'resources');
const opened = (at: string, name = 'a', nowMs = NOW_MS): ReturnType<typeof HoldingsFile.open> =>
  HoldingsFile.open(at, name, nowMs, silentLog);

test('what was noted is there at the next start, of every process of the data directory, in order', async () => {
  const at = folder();
  const first = opened(at, 'a').file;
  const second = opened(at, 'b').file;
  await first.append([note('file-1', { at_ms: NOW_MS + 2 }), note('file-2')]);
  await second.append([note('file-3', { at_ms: NOW_MS + 1, models: ['m-1'] })]);
  await Promise.all([first.close(), second.close()]);
  expect(opened(at, 'a').notes.map(({ id, models }) => [id, models])).toEqual([
    ['file-2', undefined],
    ['file-3', ['m-1']],
    ['file-1', undefined],
  ]);
  expect(statSync(join(at, 'a.log')).mode & 0o777).toBe(0o600);
});

test('a torn line and a line of somebody else’s say nothing, and the rest stays', async () => {
  const at = folder();
  const { file } = opened(at);
  await file.append([note('file-1'), note('file-2'), note('file-3')]);
  await file.close();
  const path = join(at, 'a.log');
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [lines[0], (lines[1] ?? '').replace('file-2', 'file-9'), lines[2], ''].join('\n'));
  truncateSync(path, statSync(path).size - 5);
  appendFileSync(path, '\nnonsense\n');
  expect(opened(at).notes.map(({ id }) => id)).toEqual(['file-1']);
});

test('of each object the last word is kept, and old deletions are not', async () => {
  const at = folder();
  const { file } = opened(at);
  await file.append([note('file-1'), note('file-1', { op: 'deleted', at_ms: NOW_MS + 1 }), note('file-2')]);
  expect(file.lines).toBe(2);
  await file.close();
  expect(opened(at).file.lines).toBe(2);
  expect(opened(at, 'a', NOW_MS + 31 * DAY_MS).file.lines).toBe(1);
});

test('the file is written anew when most of it is told twice', async () => {
  const at = folder();
  const { file } = opened(at);
  for (let round = 0; round < 30; round += 1) {
    await file.append(Array.from({ length: 100 }, (_, id) => note(`file-${id}`, { at_ms: NOW_MS + round })));
  }
  await file.close();
  const lines = readFileSync(join(at, 'a.log'), 'utf8').trim().split('\n');
  expect(lines.length).toBeLessThan(1_300);
  expect(new Set(opened(at).notes.map(({ id }) => id)).size).toBe(100);
  expect(opened(at).file.lines).toBe(100);
});

test('with the database away, the own objects of an earlier process are there and foreign ones are not', async () => {
  const at = folder();
  const before = opened(at);
  await before.file.append([
    note('file-1', { models: ['m-1'] }),
    note('file-2'),
    note('file-2', { op: 'deleted', at_ms: NOW_MS + 1 }),
  ]);
  await before.file.close();
  const { file, notes } = opened(at);
  const away = failed({ code: 'store_unavailable', why: 'test' } as const);
  const store = { whose: () => Promise.resolve(away), own: () => Promise.resolve(away) };
  const resources = new Resources({ store, file, clock: systemClock });
  resources.recall(notes);
  const find = (id: string, login: string) => resources.find({ kind: 'file', id }, login);
  expect(await find('file-1', 'alice@example.com')).toEqual({
    ok: true,
    value: { login: 'alice@example.com', provider: 'openai', model: '', keyId: 'key_1', models: ['m-1'] },
  });
  expect(await find('file-1', 'bob@example.com')).toMatchObject({ fault: { code: 'not_found', what: 'the file' } });
  expect(await find('file-2', 'alice@example.com')).toEqual(away);
  const list = (ids: string[], login: string) => resources.own({ kind: 'file', ids, login, provider: 'openai' });
  expect(await list(['file-1'], 'alice@example.com')).toEqual({ ok: true, value: new Set(['file-1']) });
  expect(await list(['file-1'], 'bob@example.com')).toEqual({ ok: true, value: new Set() });
  expect(await list(['file-1', 'file-7'], 'bob@example.com')).toEqual(away);
});
