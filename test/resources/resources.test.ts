import { expect, test } from 'vitest';
import type { Fault } from '../../src/contract/fault.ts';
import type { Holding, Whose } from '../../src/contract/holding.ts';
import type { NamedResource } from '../../src/contract/resource.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { failed, ok } from '../../src/lib/result.ts';
import type { Result } from '../../src/lib/result.ts';
import { Resources } from '../../src/resources/resources.ts';

const ALICE: Holding = { login: 'alice@example.com', provider: 'openai', model: 'gpt-5' };
const BOB: Holding = { login: 'bob@example.com', provider: 'second', model: 'gpt-5' };
const response = (id: string): NamedResource => ({ kind: 'response', id });
const AWAY: Fault = { code: 'store_unavailable', why: 'test' };
const NOT_FOUND: Fault = { code: 'not_found', what: 'the response' };

/** Books that answer as told, and count how often they were asked. */
function books(answer: (responseId: string, login: string) => Result<Whose, Fault> | Promise<Result<Whose, Fault>>) {
  const asked: string[] = [];
  const resources = new Resources({
    clock: systemClock,
    booksLagMs: 100,
    store: {
      own: () => Promise.resolve(failed(AWAY)),
      whose: ({ id }, login) => {
        asked.push(id);
        return Promise.resolve(answer(id, login));
      },
    },
  });
  return { asked, resources };
}

const empty = (): Result<Whose, Fault> => ok({ of: 'nobody' });

test("what was learnt is its maker's, and needs no database", async () => {
  const { resources, asked } = books(() => failed(AWAY));
  resources.learn(response('resp_1'), ALICE);
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(ok(ALICE));
  expect(await resources.whose(response('resp_1'), ALICE.login)).toEqual(ok({ of: 'caller', holding: ALICE }));
  expect(await resources.whose(response('resp_1'), BOB.login)).toEqual(ok({ of: 'another' }));
  expect(asked).toEqual([]);
});

test("another's response and nobody's are looked for alike, and are not found", async () => {
  const { resources, asked } = books(empty);
  resources.learn(response('resp_1'), ALICE);
  expect(await resources.find(response('resp_1'), BOB.login)).toEqual(failed(NOT_FOUND));
  expect(await resources.find(response('resp_2'), BOB.login)).toEqual(failed(NOT_FOUND));
  for (const id of ['resp_1', 'resp_2']) expect(asked.filter((each) => each === id).length).toBeGreaterThan(1);
  expect(resources.lookups).toBe(0);
});

test('while what an earlier process did is on its way to the database, nobody is told that an id is unknown', async () => {
  let isBehind = true;
  const resources = new Resources({
    clock: systemClock,
    booksLagMs: 10,
    isBehind: () => isBehind,
    store: { own: () => Promise.resolve(failed(AWAY)), whose: () => Promise.resolve(empty()) },
  });
  resources.learn(response('resp_1'), ALICE);
  for (const id of ['resp_1', 'resp_2']) {
    expect(await resources.find(response(id), BOB.login)).toMatchObject({ fault: { code: 'store_unavailable' } });
  }
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(ok(ALICE));
  isBehind = false;
  expect(await resources.find(response('resp_2'), BOB.login)).toEqual(failed(NOT_FOUND));
});

test('an id that is learnt while it is looked for is found at once', async () => {
  const { resources } = books(empty);
  const slow = new Resources({
    clock: systemClock,
    booksLagMs: 60_000,
    store: { own: () => Promise.resolve(failed(AWAY)), whose: () => Promise.resolve(empty()) },
  });
  for (const each of [resources, slow]) {
    const found = each.find(response('resp_1'), ALICE.login);
    setTimeout(() => {
      each.learn(response('resp_1'), ALICE);
    }, 5);
    expect(await found).toEqual(ok(ALICE));
  }
});

test('what the database knows is remembered', async () => {
  const { resources, asked } = books((_, login) =>
    ok(login === BOB.login ? { of: 'another' } : { of: 'caller', holding: ALICE }),
  );
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(ok(ALICE));
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(ok(ALICE));
  expect(asked).toHaveLength(1);
  expect(await resources.whose(response('resp_9'), BOB.login)).toEqual(ok({ of: 'another' }));
});

test('a record that comes late is waited for', async () => {
  let asked = 0;
  const { resources } = books(() => {
    asked += 1;
    return asked < 3 ? empty() : ok({ of: 'caller', holding: ALICE });
  });
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(ok(ALICE));
});

test('without the database there is no guess', async () => {
  const { resources } = books(() => failed(AWAY));
  resources.learn(response('resp_1'), BOB);
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(failed(AWAY));
  expect(await resources.find(response('resp_2'), ALICE.login)).toEqual(failed(AWAY));
  expect(await resources.whose(response('resp_2'), ALICE.login)).toEqual(failed(AWAY));
});

test("an id that a provider gave twice is each maker's own", async () => {
  const { resources } = books(empty);
  resources.learn(response('resp_1'), ALICE);
  resources.learn(response('resp_1'), BOB);
  resources.learn(response('resp_1'), { ...BOB, provider: 'third' });
  expect(await resources.find(response('resp_1'), ALICE.login)).toEqual(ok(ALICE));
  expect(await resources.find(response('resp_1'), BOB.login)).toEqual(ok({ ...BOB, provider: 'third' }));
});

test('256 ids are looked for at once; more are refused and counted, and what is remembered is not', async () => {
  const held: ((answer: Result<Whose, Fault>) => void)[] = [];
  const { resources } = books(() => new Promise((resolve) => held.push(resolve)));
  const login = (index: number): string => `${index}@example.com`;
  const looking = Array.from({ length: 256 }, (_, index) => resources.find(response(`resp_${index}`), login(index)));
  expect(await resources.find(response('resp_more'), ALICE.login)).toMatchObject({
    ok: false,
    fault: { code: 'overloaded' },
  });
  expect(resources.refused).toBe(1);
  resources.learn(response('resp_known'), ALICE);
  expect(await resources.find(response('resp_known'), ALICE.login)).toEqual(ok(ALICE));
  for (const answer of held) answer(ok({ of: 'caller', holding: ALICE }));
  await Promise.all(looking);
  expect(resources.lookups).toBe(0);
});

test('whoever names a thousand strange ids at once leaves room for the look-ups of others', async () => {
  const held: ((answer: Result<Whose, Fault>) => void)[] = [];
  const { resources } = books(() => new Promise((resolve) => held.push(resolve)));
  const strange = Array.from({ length: 1_000 }, (_, index) => resources.find(response(`resp_${index}`), BOB.login));
  const own = resources.find(response('resp_own'), ALICE.login);
  for (const answer of held) answer(ok({ of: 'caller', holding: ALICE }));
  expect(await own).toEqual(ok(ALICE));
  const answers = await Promise.all(strange);
  const refused = answers.filter((answer) => !answer.ok && answer.fault.code === 'overloaded');
  expect(refused).toHaveLength(1_000 - 128);
  expect(resources.lookups).toBe(0);
});

const file: NamedResource = { kind: 'file', id: 'file-1' };
const HOLDER = { login: ALICE.login, provider: 'openai', keyId: 'k1', model: '' };
const fileOf = (atMs: number): Result<Whose, Fault> =>
  ok({ of: 'caller', holding: { login: ALICE.login, provider: 'openai', keyId: 'k1', model: '' }, madeAtMs: atMs });

test('what was deleted is not found, although the database has not heard of its deletion yet', async () => {
  let stored = fileOf(1_000);
  const { resources } = books(() => stored);
  await resources.note([{ op: 'deleted', ...file, at_ms: 2_000 }], HOLDER);
  for (let look = 0; look < 2; look += 1) {
    expect(await resources.find(file, ALICE.login)).toEqual(failed({ code: 'not_found', what: 'the file' }));
  }
  // Callers choose names at Google, and another gateway may have made it since.
  stored = fileOf(3_000);
  expect(await resources.find(file, ALICE.login)).toMatchObject({ value: { provider: 'openai' } });
});

test('what was deleted is found once it is made again through here', async () => {
  const { resources } = books(() => fileOf(1_000));
  await resources.note([{ op: 'deleted', ...file, at_ms: 2_000 }], HOLDER);
  expect(await resources.find(file, ALICE.login)).toMatchObject({ fault: { code: 'not_found' } });
  await resources.note([{ op: 'made', ...file, at_ms: 3_000 }], HOLDER);
  expect(await resources.find(file, ALICE.login)).toMatchObject({ value: { provider: 'openai' } });
});

test('what a tool made, and its maker deleted, is not made by being named again', async () => {
  const { resources } = books(() => ok({ of: 'nobody' }));
  resources.told(file, HOLDER);
  expect(await resources.find(file, ALICE.login)).toMatchObject({ ok: true });
  await resources.note([{ op: 'deleted', ...file, at_ms: systemClock.nowMs() }], HOLDER);
  resources.told(file, HOLDER);
  expect(await resources.find(file, ALICE.login)).toEqual(failed({ code: 'not_found', what: 'the file' }));
});

test('what was not asked for in the longest time is forgotten first', async () => {
  const { resources } = books(empty);
  for (let id = 0; id < 65_537; id += 1) resources.learn(response(`resp_${id}`), ALICE);
  expect(resources.remembered).toBe(65_536);
  expect(await resources.whose(response('resp_0'), ALICE.login)).toEqual(ok({ of: 'nobody' }));
  expect(await resources.whose(response('resp_65536'), ALICE.login)).toMatchObject({ value: { of: 'caller' } });
});
