import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  RevocationSet,
  callerSubjects,
  modelSubjects,
  revokedTokens,
  subjectOf,
} from '../../src/access/revocations.ts';
import type { Caller } from '../../src/contract/caller.ts';
import { REVOCATION_KINDS } from '../../src/contract/control.ts';
import type { Revocation } from '../../src/contract/control.ts';
import { aCaller } from '../support/caller.ts';

function revocation(change: Partial<Revocation> = {}): Revocation {
  return {
    id: 'r1',
    kind: 'login',
    value: 'alice@example.com',
    reason: '',
    by: 'root@example.com',
    createdAtMs: 0,
    untilMs: null,
    ...change,
  };
}

const bearer = aCaller({
  login: 'token:ci',
  nodeId: 'tokenid',
  source: 'token',
  groups: [],
  network: { login: 'tag:ci,tag:eu', nodeId: 'n2', tags: ['tag:ci', 'tag:eu'] },
});

test.each<[string, Caller, Partial<Revocation>, boolean]>([
  ['a person by login', aCaller(), {}, true],
  ['a person by another login', aCaller({ login: 'bob@example.com' }), {}, false],
  ['a person by device', aCaller(), { kind: 'node', value: 'n1' }, true],
  ['a person by a device of no id', aCaller({ nodeId: '' }), { kind: 'node', value: '' }, false],
  ["a person by their device's id as a token", aCaller(), { kind: 'token', value: 'n1' }, false],
  [
    'a device by one of its tags',
    aCaller({ login: 'tag:a,tag:b', tags: ['tag:a', 'tag:b'] }),
    { value: 'tag:b' },
    true,
  ],
  ['a device by all tags', aCaller({ login: 'tag:a,tag:b', tags: ['tag:a', 'tag:b'] }), { value: 'tag:a,tag:b' }, true],
  ['a token by login', bearer, { value: 'token:ci' }, true],
  ['a token by id', bearer, { kind: 'token', value: 'tokenid' }, true],
  ['a token by its id as records show it', bearer, { kind: 'node', value: 'tokenid' }, true],
  ['a token by the device it came from', bearer, { kind: 'node', value: 'n2' }, true],
  ['a token by the login it came from', bearer, { value: 'tag:ci,tag:eu' }, true],
  ['a token by a tag of the device it came from', bearer, { value: 'tag:eu' }, true],
  ["a token by the sender's device as a token", bearer, { kind: 'token', value: 'n2' }, false],
])('%s', (_, who, change, found) => {
  expect(new RevocationSet([revocation(change)]).find(callerSubjects(who), 0) !== undefined).toBe(found);
});

test.each([
  ['gpt-5', true],
  ['openai/gpt-5', true],
  ['azure/gpt-5', false],
  ['gpt-5-mini', false],
  ['openai/fallback', true],
  ['fallback', true],
])('the model %s', (value, found) => {
  const subjects = modelSubjects('openai', ['gpt-5', 'fallback']);
  expect(new RevocationSet([revocation({ kind: 'model', value })]).find(subjects, 0) !== undefined).toBe(found);
});

test('a revocation runs out by the clock, to the millisecond, and one that stands beside it goes on', () => {
  const brief = revocation({ id: 'brief', untilMs: 1000 });
  const subjects = callerSubjects(aCaller());
  const set = new RevocationSet([brief]);
  expect(set.find(subjects, 999)?.id).toBe('brief');
  expect(set.find(subjects, 1000)).toBeUndefined();
  expect(set.inForce(1000)).toEqual([]);
  const both = new RevocationSet([brief, revocation({ id: 'long', untilMs: 2000 })]);
  expect(both.find(subjects, 1000)?.id).toBe('long');
  expect(both.inForce(1500).map(([, { id }]) => id)).toEqual(['long']);
});

test('a value of one kind never means one of another, whatever is in it', () => {
  const kind = fc.constantFrom(...REVOCATION_KINDS);
  fc.assert(
    fc.property(kind, fc.string(), kind, fc.string(), (a, x, b, y) => {
      expect(subjectOf(a, x) === subjectOf(b, y)).toBe(a === b && x === y);
    }),
  );
});

test('a token that was revoked for good counts as a revocation of its id; others do not', () => {
  const token = { name: 'x', sha256: '', login: 'token:x', tags: [], createdAtMs: 0, expiresAtMs: 5 };
  expect(
    revokedTokens([
      { ...token, id: 'gone', revokedAtMs: 7 },
      { ...token, id: 'good', revokedAtMs: null },
    ]),
  ).toMatchObject([{ kind: 'token', value: 'gone', untilMs: null }]);
});
