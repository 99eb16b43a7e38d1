import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { grantsOf, quotasOf } from '../../config/slices.ts';
import { compileAccess } from '../../src/access/grants.ts';
import type { Caller } from '../../src/contract/caller.ts';

const CAPABILITY = 'tailscale.com/cap/aperture';

function textOf(quotas: unknown, capabilities: unknown[] = []): string {
  return JSON.stringify({
    providers: { p: { baseurl: 'http://p', models: ['m', 'n'] } },
    grants: [{ src: ['*'], app: { [CAPABILITY]: [{ role: 'admin' }, ...capabilities] } }],
    quotas,
  });
}

function problems(text: string, env: Record<string, string> = {}, strict = false): string[] {
  const loaded = loadConfig({ text, file: 'test.hujson', env, strict });
  return (loaded.ok ? loaded.value.warnings : loaded.fault).map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

function configOf(text: string) {
  const loaded = loadConfig({ text, file: 'test.hujson', env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return loaded.value.config;
}

const caller: Caller = {
  login: 'alice@example.com',
  nodeId: 'n1',
  nodeName: 'laptop',
  tags: [],
  groups: [],
  source: 'tailscale',
  capabilities: {},
};

/** What the enforcer sees: names that a request to `p/m` is charged to, and those of them that have a definition. */
function enforced(text: string): { charged: readonly string[]; defined: string[] } {
  const config = configOf(text);
  const charged = compileAccess(grantsOf(config)).decide(caller).matching('p', 'm').quotas;
  const defined = new Set(quotasOf(config).map(({ name }) => name));
  return { charged, defined: charged.filter((name) => defined.has(name)) };
}

test('definitions are in the order of the file, in numbers, with the defaults', () => {
  const config = configOf(
    textOf({
      'daily:<user>': { capacity: '$10.50', rate: '$5.00/day', on_exceed: 'reject' },
      org: {
        capacity: '$9007199.254740991',
        rate: '$9007199.254740991/month',
        overdraft: ['pool:<node>', 'daily:<user>'],
        reserve: 'strict',
        deny_status: 402,
        fail: 'local',
      },
      'pool:<node>': { capacity: '$0.000000001' },
    }),
  );
  expect(quotasOf(config)).toEqual([
    {
      name: 'daily:<user>',
      capacity: 10_500_000_000,
      rate: { amount: 5_000_000_000, periodMs: 86_400_000 },
      overdraft: [],
      reserve: 'balance',
      denyStatus: 429,
      fail: 'closed',
    },
    {
      name: 'org',
      capacity: 9_007_199_254_740_991,
      rate: { amount: 9_007_199_254_740_991, periodMs: 2_592_000_000 },
      overdraft: ['pool:<node>', 'daily:<user>'],
      reserve: 'strict',
      denyStatus: 402,
      fail: 'local',
    },
    {
      name: 'pool:<node>',
      capacity: 1,
      rate: { amount: 0, periodMs: 86_400_000 },
      overdraft: [],
      reserve: 'balance',
      denyStatus: 429,
      fail: 'closed',
    },
  ]);
});

describe('a mistake in a quota keeps the config out, and names its place', () => {
  const one = { capacity: '$1' };
  test.each<[string, Record<string, unknown>, string]>([
    [
      'more than can be counted',
      { q: { capacity: '$9007199.254740992' } },
      'error quotas.q.capacity: quota q: capacity "$9007199.254740992" is more than $9007199.254740991, the most that a quota can count',
    ],
    [
      'a rate of more than can be counted',
      { q: { ...one, rate: '$9007200/min' } },
      'error quotas.q.rate: quota q: rate "$9007200/min" is more than $9007199.254740991, the most that a quota can count',
    ],
    [
      'a status of another kind',
      { q: { ...one, deny_status: 418 } },
      'error quotas.q.deny_status: quota q: deny_status 418 is not one of 429, 400, 402, 403',
    ],
    [
      'a status in quotes',
      { q: { ...one, deny_status: '429' } },
      'error quotas.q.deny_status: quota q: deny_status "429" is not one of 429, 400, 402, 403',
    ],
    [
      'a way to reserve',
      { q: { ...one, reserve: 'stritc' } },
      'error quotas.q.reserve: quota q: reserve "stritc" is not one of balance, strict',
    ],
    [
      'a way to fail',
      { q: { ...one, fail: 'open' } },
      'error quotas.q.fail: quota q: fail "open" is not one of closed, local',
    ],
    [
      'a chain that is one word',
      { q: { ...one, overdraft: 'r' }, r: one },
      'error quotas.q.overdraft: quota q: overdraft cannot unmarshal string into a field of type array',
    ],
    [
      'a chain with an unknown name',
      { q: { ...one, overdraft: ['r', 'rr'] }, r: one },
      'error quotas.q.overdraft[1]: quota q: overdraft references undefined quota "rr"',
    ],
    [
      'a chain with itself',
      { q: { ...one, overdraft: ['q'] } },
      'error quotas.q.overdraft[0]: quota q: overdraft names the quota itself',
    ],
    [
      'a chain with a name twice',
      { q: { ...one, overdraft: ['r', 's', 'r'] }, r: one, s: one },
      'error quotas.q.overdraft[2]: quota q: overdraft names "r" twice',
    ],
    [
      'a chain with nothing in a place',
      { q: { ...one, overdraft: [null] } },
      'error quotas.q.overdraft[0]: quota q: overdraft references undefined quota "…"',
    ],
    [
      'a chain with a null quota',
      { q: { ...one, overdraft: ['r'] }, r: null },
      'error quotas.q.overdraft[0]: quota q: overdraft references undefined quota "r"',
    ],
    [
      'a chain with a template that there is not',
      { q: { ...one, overdraft: ['r:<team>'] }, 'r:<team>': one },
      'error quotas.q.overdraft[0]: quota q: overdraft references undefined quota "r:<team>"',
    ],
  ])('%s', (_what, quotas, message) => {
    const text = textOf(quotas);
    expect(loadConfig({ text, file: 'test.hujson', env: {} }).ok).toBe(false);
    expect(problems(text).filter((problem) => problem.startsWith('error'))).toEqual([message]);
  });

  test('a chain with a quota that could not be read complains of that one alone', () => {
    const text = textOf({ q: { capacity: '$1', overdraft: ['r'] }, r: { capacity: 'ten' } });
    const errors = problems(text).filter((problem) => problem.startsWith('error'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('error quotas.r.capacity: quota r: capacity "ten" is not an amount');
  });

  test('failure mode 35: what a macro put into a chain is not shown', () => {
    const text = textOf({ q: { capacity: '$1', overdraft: ['${KEY}', '${KEY}'] } });
    const found = problems(text, { KEY: 'sk-CANARY' }).join('\n');
    expect(found).toContain('overdraft references undefined quota "${KEY}"');
    expect(found).toContain('overdraft names "${KEY}" twice');
    expect(found).not.toContain('CANARY');
  });
});

test('the templates of a chain may differ, and two quotas may borrow from each other', () => {
  const quotas = {
    'a:<user>': { capacity: '$1', overdraft: ['b:<node>', 'c'] },
    'b:<node>': { capacity: '$1', overdraft: ['a:<user>'] },
    c: { capacity: '$1' },
  };
  expect(problems(textOf(quotas, [{ models: '**', quotas: [{ bucket: 'a:<user>' }] }]), {}, true)).toEqual([]);
});

describe('failure mode 50: a quota that charges nobody', () => {
  const one = { capacity: '$1' };
  const toQ = [{ models: '**', quotas: [{ bucket: 'q' }] }];
  const unused = (text: string): string[] =>
    problems(text)
      .filter((problem) => problem.includes('charges nobody'))
      .map((problem) => problem.replace(/: .*$/, ''));

  test.each<[string, Record<string, unknown>, unknown[], string[]]>([
    ['one that a grant names is charged', { q: one }, toQ, []],
    ['so is what it borrows from', { q: { ...one, overdraft: ['r', 's'] }, r: one, s: one }, toQ, []],
    [
      'what is borrowed from does not borrow',
      { q: { ...one, overdraft: ['r'] }, r: { ...one, overdraft: ['s'] }, s: one },
      toQ,
      ['warning quotas.s'],
    ],
    [
      'a chain that no grant names is remarked on at its head',
      { r: one, q: { ...one, overdraft: ['r'] } },
      [],
      ['warning quotas.q'],
    ],
    ['one that nothing names', { q: one, r: one }, toQ, ['warning quotas.r']],
  ])('%s', (_what, quotas, capabilities, expected) => {
    expect(unused(textOf(quotas, capabilities))).toEqual(expected);
  });
});

describe('failure mode 50: names that do not mean what they seem to', () => {
  test.each([
    ['<user>-daily', 'quota "<user>-daily" is one bucket for all: <user> is a template only after a colon'],
    ['', 'quota "" is never charged: what references this name is refused'],
    ['(unreadable)', 'quota "(unreadable)" is never charged: what references this name is refused'],
  ])('"%s" is remarked on', (name, message) => {
    const text = textOf({ [name]: { capacity: '$1' } }, [{ models: '**', quotas: [{ bucket: name }] }]);
    const found = problems(text, {}, true).filter((problem) => problem.startsWith('warning'));
    expect(found.map((problem) => problem.replace(/^\S+ \S+ /, ''))).toEqual([message]);
  });
});

describe('a reference that cannot be followed stays with the request, and has no definition', () => {
  const quotas = { daily: { capacity: '$1' } };
  test.each<[string, unknown, unknown, string[]]>([
    ['mistyped', quotas, [{ bucket: 'dialy' }], ['dialy']],
    ['a list in another shape', quotas, 'daily', ['(unreadable)']],
    ['an entry in another shape', quotas, ['daily'], ['(unreadable)']],
    ['an entry beside a good one', quotas, [{ bucket: 'daily' }, 7], ['(unreadable)']],
    ['a bucket in another shape', quotas, [{ bucket: 7 }], ['(unreadable)']],
    ['a bucket that is null', quotas, [{ bucket: null }], ['']],
    ['an entry that is null', quotas, [null], ['']],
    ['a mistyped field', quotas, [{ buckte: 'daily' }], ['']],
    [
      'a template that there is not',
      { 'daily:<team>': { capacity: '$1' } },
      [{ bucket: 'daily:<team>' }],
      ['daily:<team>'],
    ],
    [
      'a name that only seems to be one',
      { 'daily:bob@example.com': { capacity: '$1' } },
      [{ bucket: 'daily:bob@example.com' }],
      ['daily:bob@example.com'],
    ],
    ['no quotas at all', undefined, [{ bucket: 'daily' }], ['daily']],
    ['a quota that is null', { daily: null }, [{ bucket: 'daily' }], ['daily']],
    ['the name that stands for what cannot be read', { '(unreadable)': { capacity: '$1' } }, 7, ['(unreadable)']],
    ['the name that stands for none', { '': { capacity: '$1' } }, [{}], ['']],
  ])('%s', (_what, defined, references, charged) => {
    const seen = enforced(textOf(defined, [{ models: '**', quotas: references }]));
    expect(seen).toEqual({ charged, defined: [] });
  });

  test('also beside a good one', () => {
    const seen = enforced(textOf(quotas, [{ models: '**', quotas: [{ bucket: 'daily' }, { bucket: 'dialy' }] }]));
    expect(seen).toEqual({ charged: ['daily', 'dialy'], defined: ['daily'] });
  });

  test('while one that can be is both', () => {
    const seen = enforced(textOf(quotas, [{ models: '**', quotas: [{ bucket: 'daily' }] }]));
    expect(seen).toEqual({ charged: ['daily'], defined: ['daily'] });
  });
});
