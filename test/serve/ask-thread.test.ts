import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { AskThread } from '../../src/serve/ask-thread.ts';

/** Answers each question with itself, as JSON. */
const ECHO = `
import { parentPort } from 'node:worker_threads';
parentPort.on('message', ({ kind, ask, request }) => {
  if (kind !== 'ask') return;
  const body = new TextEncoder().encode(JSON.stringify(request));
  parentPort.postMessage({ kind: 'answer', ask, status: 200, headers: [], body });
});
`;
const folder = mkdtempSync(join(tmpdir(), 'aperture-test-ask-'));
const file = join(folder, 'echo.mjs');
writeFileSync(file, ECHO);
const threads: AskThread<string, never, { kind: 'hint' }>[] = [];
let starts = 0;

function thread(needed: boolean): AskThread<string, never, { kind: 'hint' }> {
  starts = 0;
  const data = (): number => (starts += 1);
  const made = new AskThread<string, never, { kind: 'hint' }>({ file, data, name: 'the echo', log: silentLog, needed });
  threads.push(made);
  return made;
}

afterEach(async () => {
  vi.useRealTimers();
  for (const each of threads.splice(0)) await each.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a thread that is needed starts at once, and only once', () => {
  const echo = thread(true);
  expect(starts).toBe(1);
  echo.need();
  expect(starts).toBe(1);
});

test('a thread that nothing needs yet does not start with what is merely said to it', () => {
  const echo = thread(false);
  expect(echo.tell({ kind: 'hint' })).toBe(false);
  expect(starts).toBe(0);
});

test('it starts with the first question, which it answers', async () => {
  const echo = thread(false);
  const answer = await echo.ask('who is there?');
  expect(answer).toMatchObject({ ok: true, value: { status: 200 } });
  expect(answer.ok && Buffer.from(answer.value.body).toString()).toBe('"who is there?"');
  expect(starts).toBe(1);
});

test('it starts when something needs it, and hears what is said from then on', async () => {
  const echo = thread(false);
  echo.need();
  expect(echo.tell({ kind: 'hint' })).toBe(true);
  expect(await echo.ask('and now?')).toMatchObject({ ok: true });
  expect(starts).toBe(1);
});

test('it starts after a minute in any case: its housekeeping is due', () => {
  vi.useFakeTimers();
  thread(false);
  vi.advanceTimersByTime(59_000);
  expect(starts).toBe(0);
  vi.advanceTimersByTime(1_000);
  expect(starts).toBe(1);
});

test('one that is closed starts no more', async () => {
  const echo = thread(false);
  await echo.close();
  echo.need();
  expect(starts).toBe(0);
});
