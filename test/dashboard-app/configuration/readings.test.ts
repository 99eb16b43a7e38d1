import { describe, expect, test } from 'vitest';
import { attachedBy, grantsOf, sourceText } from '../../../src/dashboard/app/pages/configuration/grants/read-grants.ts';
import { stepsOf } from '../../../src/dashboard/app/pages/configuration/grants/steps.ts';
import { keySource } from '../../../src/dashboard/app/pages/configuration/providers/key-source.ts';
import {
  afterRefill,
  amountOf,
  amountText,
  justBefore,
} from '../../../src/dashboard/app/pages/configuration/quotas/amounts.ts';
import { countsText, piecesOf } from '../../../src/dashboard/app/pages/configuration/rules/pieces.ts';
import { rulesOf, typedJson } from '../../../src/dashboard/app/pages/configuration/rules/read-rules.ts';

const APP = 'tailscale.com/cap/aperture';

describe('where a key comes from', () => {
  test.each([
    [{ apikey: '${OPENAI_API_KEY}' }, { kind: 'environment', names: ['OPENAI_API_KEY'], optional: false }],
    [{ apikey: '${OPENAI_API_KEY:-}' }, { kind: 'environment', names: ['OPENAI_API_KEY'], optional: true }],
    [{ apikey: 'keyid:p:openai:sk-br:3f0c' }, { kind: 'sealed', reference: 'keyid:p:openai:sk-br:3f0c' }],
    [{ apikey: 'x', auth_mode: 'passthrough' }, { kind: 'client' }],
    [{ apikey: 'x', auth_mode: 'none' }, { kind: 'none' }],
    [{}, { kind: 'none' }],
  ])('%j', (provider, source) => {
    expect(keySource(provider)).toEqual(source);
  });

  test('a key that is written out is never part of the answer', () => {
    expect(keySource({ apikey: 'sk-secret' })).toEqual({ kind: 'written' });
    expect(keySource({ apikey: 'sk-$${secret}' })).toEqual({ kind: 'written' });
  });
});

describe('grants as they are written', () => {
  const config = {
    grants: [
      {
        src: ['*'],
        app: {
          [APP]: [
            { role: 'user' },
            { models: 'a/**', quotas: [{ bucket: 'daily:<user>' }], send_hooks: [{ name: 'pii' }, { name: 'pii' }] },
            { read_metrics: true, read_captures: false, add_headers: ['X-Team: secret'] },
          ],
          'example.com/cap/policy': [{}],
        },
      },
      'no grant',
    ],
    temp_grants: [
      {
        src: ['group:old'],
        grants: [{ role: 'admin', providers: [{ provider: 'a', model: '*' }], hook: { hook: 'review', match: {} } }],
      },
    ],
  };
  const grants = grantsOf(config);

  test('each has its place, its sources and what it gives', () => {
    expect(grants.map(({ id, src }) => [id, src])).toEqual([
      ['grants[0]', ['*']],
      ['grants[1]', []],
      ['temp_grants[0]', ['group:old']],
    ]);
    expect(grants[0]?.capabilities[1]).toMatchObject({ models: 'a/**', quotas: ['daily:<user>'] });
    expect(grants[0]?.capabilities[2]).toMatchObject({ may: ['metrics'], mayNot: ['bodies of exchanges'] });
    expect(grants[0]?.others).toEqual(['example.com/cap/policy']);
    expect(grants[2]?.capabilities).toMatchObject([
      { role: 'admin' },
      { models: 'a/*' },
      { hooks: [{ name: 'review' }] },
    ]);
  });

  test('of a header that is added its name is told, and never its value', () => {
    expect(JSON.stringify(grants)).not.toContain('secret');
    expect(grants[0]?.capabilities[2]?.addHeaders).toEqual(['X-Team']);
  });

  test('who names a hook or a quota, each once', () => {
    expect(attachedBy(grants, 'hooks').get('pii')).toHaveLength(1);
    expect([...attachedBy(grants, 'quotas').keys()]).toEqual(['daily:<user>']);
  });

  test('everybody is called so', () => {
    expect(sourceText('*')).toBe('everybody');
    expect(sourceText('group:eng')).toBe('group:eng');
  });
});

describe('the steps to a decision', () => {
  const caller = { login: 'a@example.com', node_id: '', tags: [], groups: [], identity_source: 'tailscale' };

  test('end where no grant gives a role', () => {
    expect(stepsOf({ caller, role: null, grants: [], model: null }).map(({ state }) => state)).toEqual([
      'stop',
      'stop',
    ]);
  });

  test('end where the model is nobody’s, and name what it is charged to where it is', () => {
    const grants = [{ id: 'grants[3]', matched_by: ['*'], capabilities: [{ role: 'user' as const }] }];
    const model = {
      name: 'm',
      allowed: false,
      why: '',
      route: null,
      candidates: [],
      quotas: [],
      send_hooks: [],
      rules: [],
      add_headers: [],
    };
    expect(stepsOf({ caller, role: 'user', grants, model }).at(-1)).toMatchObject({ state: 'stop' });
    const allowed = {
      ...model,
      allowed: true,
      candidates: [{ provider: 'p', preference: 0, disabled: false, grants: ['grants[3]'] }],
      route: { provider: 'p', model: 'm', compatibility: [] },
      quotas: ['daily:<user>'],
    };
    expect(stepsOf({ caller, role: 'user', grants, model: allowed }).map(({ answer }) => answer)).toEqual([
      'grants[3] by *',
      'user',
      'p',
      'p',
      'p, as m',
      'daily:a@example.com',
    ]);
  });
});

describe('money of a refill', () => {
  test('is read to the ninth digit, and nothing else is', () => {
    expect(amountOf('$5')).toBe(5_000_000_000n);
    expect(amountOf(' 1,200.000000001 ')).toBe(1_200_000_000_001n);
    for (const text of ['', '0', '$0.00', '-5', '5.0000000001', '5 EUR', '1e3']) expect(amountOf(text)).toBeUndefined();
    expect(amountText(5_250_000_000n)).toBe('$5.25');
    expect(amountText(1n)).toBe('$0.000000001');
  });

  test('fills up to the capacity and takes nothing away', () => {
    expect(afterRefill(-2n, 10n, 5n)).toBe(3n);
    expect(afterRefill(8n, 10n, 5n)).toBe(10n);
    expect(afterRefill(12n, 10n, 5n)).toBe(12n);
  });
});

test('a name just before a prefix is below all that begin with it and above all that come before', () => {
  const before = justBefore('daily:b') ?? '';
  expect(before < 'daily:b').toBe(true);
  expect('daily:azzz' < before).toBe(true);
  expect(justBefore('\u0001')).toBeUndefined();
});

describe('rules as they are written', () => {
  test('come in the order in which they run, with what holds where nothing is said', () => {
    const rules = rulesOf({
      hooks: {
        b: { url: 'http://hook' },
        a: { builtin: { kind: 'prompt_size', action: 'flag' } },
        first: { preference: 5, builtin: { kind: 'secrets', action: 'block', sides: ['response'] }, disabled: true },
      },
    });
    expect(rules.map(({ name, sides, failPolicy }) => [name, sides, failPolicy])).toEqual([
      ['first', ['response'], 'fail_closed'],
      ['a', ['request'], 'fail_closed'],
      ['b', [], 'fail_open'],
    ]);
  });

  test('what is typed as a rule is read with comments, or the line that is wrong is named', () => {
    expect(typedJson('{"a": [1,], // one\n}')).toEqual({ value: { a: [1] } });
    expect(typedJson('{\n"a" 1}')).toEqual({ wrong: 'line 2: a colon is missing' });
  });

  test('a text is cut where finds begin and end, overlapping ones too', () => {
    const finds = [
      { rule: 'a', kind: 'x', start: 2, end: 5 },
      { rule: 'b', kind: 'y', start: 4, end: 6 },
    ];
    const pieces = piecesOf('0123456789', finds);
    expect(pieces.map(({ text }) => text)).toEqual(['01', '23', '4', '5', '6789']);
    expect(pieces.map(({ kinds }) => kinds.length)).toEqual([0, 1, 2, 1, 0]);
    expect(countsText({ email: 2, card: 1 })).toBe('email 2, card 1');
    expect(countsText({})).toBe('nothing');
  });
});
