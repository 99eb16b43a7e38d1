import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAccess } from '../../src/access/grants.ts';
import type { GrantInput } from '../../src/access/grant-input.ts';
import { explain } from '../../src/front/explain.ts';
import { providersAnswer } from '../../src/routing/providers-list.ts';
import { compileRouting, planRoute } from '../../src/routing/plan.ts';
import { provider } from '../routing/providers.ts';
import { aCaller } from '../support/caller.ts';

const PROVIDERS = [
  provider('low', ['m', 'only-low'], { preference: 0 }),
  provider('high', ['m', 'org/m'], { preference: 5 }),
  provider('gone', ['m', 'old'], { disabled: true }),
];

function parts(grants: GrantInput[]) {
  return { access: compileAccess(grants), routing: compileRouting(PROVIDERS), grants, providers: PROVIDERS };
}

function grant(id: string, src: string[], ...capabilities: GrantInput['capabilities']): GrantInput {
  return { id, src, capabilities, custom: {} };
}

describe('an explanation', () => {
  test('names the grants that match, by which word, and what of each applies to the model', () => {
    const grants = [
      grant('grants[0]', ['bob@example.com'], { role: 'admin' }),
      grant('grants[1]', ['*', 'alice@example.com'], { role: 'user' }),
      grant('grants[2]', ['group:eng'], { models: 'high/*', add_headers: ['X-Secret: s3cret'] }, { models: 'low/**' }),
    ];
    expect(explain(parts(grants), aCaller(), 'm')).toEqual({
      caller: {
        login: 'alice@example.com',
        node_id: 'n1',
        tags: [],
        groups: ['group:eng'],
        identity_source: 'tailscale',
      },
      role: 'user',
      grants: [
        { id: 'grants[1]', matched_by: ['*', 'alice@example.com'], capabilities: [{ role: 'user' }] },
        {
          id: 'grants[2]',
          matched_by: ['group:eng'],
          capabilities: [
            { models: 'high/*', applies: true, add_headers: ['X-Secret'] },
            { models: 'low/**', applies: false },
          ],
        },
      ],
      model: {
        name: 'm',
        allowed: true,
        why: 'provider high serves it: of 2 that are granted, it is the one that is asked first',
        route: { provider: 'high', model: 'm', compatibility: ['openai_chat'] },
        candidates: [
          { provider: 'high', preference: 5, compatibility: ['openai_chat'], disabled: false, grants: ['grants[2]'] },
          { provider: 'low', preference: 0, compatibility: ['openai_chat'], disabled: false, grants: ['grants[2]'] },
          { provider: 'gone', preference: 0, compatibility: ['openai_chat'], disabled: true, grants: [] },
        ],
        quotas: [],
        send_hooks: [],
        rules: [],
        add_headers: ['x-secret'],
      },
    });
  });

  test.each([
    ['no role', [grant('g', ['*'], { models: '**' })], 'm', 'no grant gives this caller a role'],
    ['no provider', [grant('g', ['*'], { role: 'user' }, { models: '**' })], 'nothing', 'no provider lists this model'],
    [
      'disabled',
      [grant('g', ['*'], { role: 'user' }, { models: '**' })],
      'old',
      'every provider that lists this model is disabled',
    ],
    [
      'no grant',
      [grant('g', ['*'], { role: 'user' }, { models: 'low/*' })],
      'org/m',
      'no grant whose "models" matches',
    ],
  ])('says why not: %s', (_what, grants, model, why) => {
    const { model: about } = explain(parts(grants), aCaller(), model);
    expect(about?.allowed).toBe(false);
    expect(about?.route).toBeNull();
    expect(about?.why).toContain(why);
  });

  test('counts the grants that the node brings from the tailnet policy', () => {
    const capabilities = { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: 'low/**' }] };
    const { role, grants, model } = explain(parts([]), aCaller({ capabilities }), 'low/only-low');
    expect(role).toBe('user');
    expect(grants.map(({ id }) => id)).toEqual(['tailnet[0]', 'tailnet[1]']);
    expect(model?.route).toMatchObject({ provider: 'low', model: 'only-low' });
  });

  test('always agrees with the route that a request takes', () => {
    const patterns = ['**', 'low/*', 'high/**', '*/m', 'gone/**', 'x/y'];
    const anyGrant = fc
      .record({
        src: fc.subarray(['*', 'alice@example.com', 'group:eng', 'tag:ci', 'bob@example.com']),
        role: fc.constantFrom('user' as const, undefined),
        models: fc.constantFrom(...patterns),
      })
      .map(({ src, role, models }) => grant('g', src, { role }, { models }));
    const anyModel = fc.constantFrom(
      'm',
      'low/m',
      'high/m',
      'org/m',
      'high/org/m',
      'only-low',
      'old',
      'gone/old',
      'none',
    );
    fc.assert(
      fc.property(fc.array(anyGrant, { maxLength: 5 }), anyModel, (grants, model) => {
        const all = parts(grants);
        const who = aCaller();
        const access = all.access.decide(who);
        const routed = planRoute({
          model,
          compatibility: 'openai_chat',
          api: 'openai_chat',
          providers: all.routing,
          allows: (provider, name) => access.may(provider, name),
        });
        const about = explain(all, who, model).model;
        expect(about?.allowed).toBe(access.role !== undefined && routed.ok);
        if (routed.ok && about?.allowed === true) {
          expect(about.route).toMatchObject({ provider: routed.value.provider.id, model: routed.value.model });
        }
      }),
    );
  });
});

test('the list of providers is an array with every flag, disabled providers too', () => {
  expect(providersAnswer([...PROVIDERS, provider('plan', ['x'], { authMode: 'passthrough' })])).toMatchObject([
    { id: 'low', models: ['m', 'only-low'], compatibility: { openai_chat: true, anthropic_messages: false } },
    { id: 'high' },
    { id: 'gone', disabled: true },
    { id: 'plan', requires_client_auth: true },
  ]);
});
