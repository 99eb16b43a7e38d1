import { expect, test } from 'vitest';
import { compileAccess } from '../../src/access/grants.ts';
import type { CapabilityInput, GrantInput } from '../../src/access/grant-input.ts';
import type { Caller } from '../../src/contract/caller.ts';

function grant(id: string, src: string[], ...capabilities: CapabilityInput[]): GrantInput {
  return { id, src, capabilities, custom: {} };
}

function user(login: string, more: Partial<Caller> = {}): Caller {
  return {
    login,
    nodeId: 'n1',
    nodeName: 'laptop',
    tags: [],
    groups: [],
    source: 'tailscale',
    capabilities: {},
    ...more,
  };
}

function device(...tags: string[]): Caller {
  return user([...tags].sort().join(','), { tags: [...tags].sort() });
}

function token(login: string, ...tags: string[]): Caller {
  return user(login, { source: 'token', nodeId: 'aaaaaaaaaaaaaaaa', nodeName: 'CI', tags });
}

const alice = user('alice@example.com');

test('without a grant there is no role and no model', () => {
  const access = compileAccess([]).decide(alice);
  expect(access.role).toBeUndefined();
  expect(access.may('openai', 'gpt-5')).toBeUndefined();
  expect(access.grantIds).toEqual([]);
});

test('direct paths are open by the provider and the path, and to those alone whose grants list them', () => {
  const access = compileAccess([
    grant('g0', ['*'], { role: 'user', models: '**' }),
    grant('g1', ['alice@example.com'], { direct_paths: ['openai/v1/jobs/**', '*/v1/voices'] }),
    grant('g2', ['alice@example.com'], { direct_paths: ['openai/v1/jobs'] }),
    // Shapes that Aperture may mean by it open nothing.
    grant('g3', ['*'], { direct_paths: true }, { direct_paths: '**' }, { direct_paths: [{ path: '**' }] }),
  ]);
  const own = access.decide(alice);
  expect(own.reaches('openai', ['v1', 'jobs'])).toEqual(['g1', 'g2']);
  expect(own.reaches('openai', ['v1', 'jobs', 'j', 'events'])).toEqual(['g1']);
  expect(own.reaches('other', ['v1', 'voices'])).toEqual(['g1']);
  for (const [provider, path] of [
    ['other', 'v1/jobs'],
    ['openai', 'v1/job'],
    ['openai', 'V1/jobs'],
    ['openai', 'v1'],
    ['openai', 'x/v1/jobs'],
  ] as const) {
    expect(own.reaches(provider, path.split('/'))).toBeUndefined();
  }
  expect(access.decide(user('bob@example.com')).reaches('openai', ['v1', 'jobs'])).toBeUndefined();
  const brought = { 'tailscale.com/cap/aperture': [{ direct_paths: ['openai/v1/x'] }] };
  expect(access.decide(user('carol@example.com', { capabilities: brought })).reaches('openai', ['v1', 'x'])).toEqual([
    'tailnet[0]',
  ]);
});

test('models without a role give no role', () => {
  const access = compileAccess([grant('g', ['*'], { models: '**' })]).decide(alice);
  expect(access.role).toBeUndefined();
  expect(access.may('openai', 'gpt-5')).toEqual(['g']);
});

test('admin beats user, in either order', () => {
  const admin = grant('a', ['alice@example.com'], { role: 'admin' });
  const everyone = grant('b', ['*'], { role: 'user' });
  expect(compileAccess([admin, everyone]).decide(alice).role).toBe('admin');
  expect(compileAccess([everyone, admin]).decide(alice).role).toBe('admin');
  expect(compileAccess([everyone, admin]).decide(user('bob@example.com')).role).toBe('user');
});

test.each<[string, string, Caller, boolean]>([
  ['everyone', '*', alice, true],
  ['a login', 'alice@example.com', alice, true],
  ['a login in other letters', 'Alice@example.com', alice, false],
  ['the start of a login', 'alice', alice, false],
  ['a group', 'group:eng', user('alice@example.com', { groups: ['group:eng'] }), true],
  ['a group told without its prefix', 'group:eng', user('alice@example.com', { groups: ['eng'] }), true],
  [
    'a synced group by its address',
    'eng@example.com',
    user('alice@example.com', { groups: ['eng@example.com'] }),
    true,
  ],
  ['a group by its bare name', 'eng', user('alice@example.com', { groups: ['eng'] }), false],
  ['the only tag', 'tag:ci', device('tag:ci'), true],
  ['one tag of several', 'tag:ci', device('tag:ci', 'tag:prod'), true],
  ['joined tags', 'tag:ci,tag:prod', device('tag:prod', 'tag:ci'), true],
  ['joined tags in another order', 'tag:prod,tag:ci', device('tag:ci', 'tag:prod'), true],
  ['joined tags of a device that has more', 'tag:ci,tag:prod', device('tag:ci', 'tag:eu', 'tag:prod'), false],
  ['joined tags of a device that has fewer', 'tag:ci,tag:prod', device('tag:ci'), false],
  ['loopback', '(loopback)', user('(loopback)', { source: 'loopback' }), true],
  ['loopback for a device', '(loopback)', device('tag:ci'), false],
  // What a proxy or an identity provider calls somebody must not reach the grants' own words.
  ['a login that spells loopback', '(loopback)', user('(loopback)', { source: 'proxy_headers' }), false],
  ['a login that spells a tag', 'tag:ci', user('tag:ci', { source: 'proxy_headers' }), false],
  ['a token by its login', 'token:ci', token('token:ci'), true],
  ['a token by one of its tags', 'tag:ci', token('token:x', 'tag:prod', 'tag:ci'), true],
  ['a token by its joined tags', 'tag:ci,tag:prod', token('token:x', 'tag:prod', 'tag:ci'), true],
  ['a token by everyone', '*', token('token:ci'), true],
  ["a token that spells a person's login", 'alice@example.com', token('alice@example.com'), false],
  ['a token that spells loopback', '(loopback)', token('(loopback)'), false],
  ['a token that spells a tag it has not', 'tag:ci', token('tag:ci'), false],
  ['a login that spells a token', 'token:ci', user('token:ci', { source: 'proxy_headers' }), false],
  ['a login that spells a group', 'group:eng', user('group:eng', { source: 'oidc' }), false],
  [
    'a claimed group that spells a login',
    'root@example.com',
    user('eve@example.com', { source: 'oidc', groups: ['root@example.com'] }),
    false,
  ],
])('src matching: %s', (_, src, caller, expected) => {
  const access = compileAccess([grant('g', [src], { role: 'user' })]).decide(caller);
  expect(access.role === 'user').toBe(expected);
});

test('access is the union of the grants, and says which of them allow', () => {
  const access = compileAccess([
    grant('g0', ['*'], { role: 'user' }),
    grant('g1', ['alice@example.com'], { models: 'anthropic/**' }, { models: '*/gpt-5*' }),
    grant('g2', ['*'], { models: 'openai/gpt-5' }),
    grant('g3', ['bob@example.com'], { models: '**' }),
  ]).decide(alice);
  expect(access.may('openai', 'gpt-5')).toEqual(['g1', 'g2']);
  expect(access.may('openai', 'gpt-5-mini')).toEqual(['g1']);
  expect(access.may('anthropic', 'claude-sonnet-4-6')).toEqual(['g1']);
  expect(access.may('openai', 'o3')).toBeUndefined();
  expect(access.grantIds).toEqual(['g0', 'g1', 'g2']);
});

test('a provider is one segment, whatever slashes its model has', () => {
  const access = compileAccess([grant('g', ['*'], { models: 'openrouter/*' })]).decide(alice);
  expect(access.may('openrouter', 'qwen/qwen3')).toBeUndefined();
  expect(access.may('openrouter', 'qwen3')).toEqual(['g']);
});

test('an object with models binds what it carries to them; one without binds to every model', () => {
  const access = compileAccess([
    grant(
      'g',
      ['*'],
      { models: 'openai/**', quotas: [{ bucket: 'openai' }], add_headers: ['X-Team: one'] },
      { quotas: [{ bucket: 'daily:<user>' }], add_headers: ['X-All: two', 'no colon', 'X-Split: a\r\nb: c'] },
    ),
  ]).decide(alice);
  expect(access.matching('openai', 'gpt-5')).toEqual({
    grantIds: ['g'],
    quotas: ['openai', 'daily:<user>'],
    sendHooks: [],
    addHeaders: [
      ['x-team', 'one'],
      ['x-all', 'two'],
    ],
  });
  expect(access.matching('anthropic', 'claude')).toEqual({
    grantIds: undefined,
    quotas: ['daily:<user>'],
    sendHooks: [],
    addHeaders: [['x-all', 'two']],
  });
  expect(access.headersFor('anthropic', 'claude')).toEqual([['x-all', 'two']]);
});

test('a bucket of two grants is charged once, and a hook of two grants fires once with all it asked for', () => {
  const access = compileAccess([
    grant('a', ['*'], {
      models: '**',
      quotas: [{ bucket: 'team' }],
      send_hooks: [{ name: 'audit', events: ['pre_request'], send: ['request_body'] }],
    }),
    grant('b', ['*'], {
      quotas: [{ bucket: 'team' }],
      send_hooks: [{ name: 'audit', events: ['entire_request', 'pre_request'], send: ['user'] }],
    }),
  ]).decide(alice);
  const matching = access.matching('openai', 'gpt-5');
  expect(matching.quotas).toEqual(['team']);
  expect(matching.sendHooks).toEqual([
    { name: 'audit', events: ['pre_request', 'entire_request'], send: ['request_body', 'user'] },
  ]);
});

test('flags: metrics on request, captures and audit with admin unless taken away, prices unless taken away', () => {
  const decide = (...capabilities: CapabilityInput[]) =>
    compileAccess([grant('g', ['*'], ...capabilities)]).decide(alice);
  expect(decide({ role: 'user' })).toMatchObject({
    readMetrics: false,
    readCaptures: false,
    readAudit: false,
    readPricing: true,
  });
  expect(decide({ role: 'admin' })).toMatchObject({ readMetrics: false, readCaptures: true, readAudit: true });
  expect(decide({ role: 'admin' }, { read_captures: false })).toMatchObject({ readCaptures: false, readAudit: true });
  expect(decide({ role: 'user' }, { read_metrics: true, read_pricing: false })).toMatchObject({
    readMetrics: true,
    readPricing: false,
  });
  expect(decide({ role: 'user' }, { filterable_headers: ['X-Team'], connectors: ['github/**'] })).toMatchObject({
    filterableHeaders: ['x-team'],
    connectors: ['github/**'],
  });
});

test('grants of the tailnet policy file come with the caller and add up with those of the config', () => {
  const access = compileAccess([grant('g0', ['*'], { role: 'user' })]);
  const caller = user('alice@example.com', {
    capabilities: {
      'tailscale.com/cap/aperture': [
        { role: 'admin', later_field: 1 },
        { models: 'openai/**', quotas: [{ bucket: 'daily:<user>' }] },
        { models: 7 },
        'rubbish',
      ],
      'example.com/cap/policy': [{ tier: 'gold' }],
      'https://tailscale.com/cap/is-admin': [],
    },
  });
  const decided = access.decide(caller);
  expect(decided.role).toBe('admin');
  expect(decided.may('openai', 'gpt-5')).toEqual(['tailnet[1]']);
  expect(decided.matching('openai', 'gpt-5').quotas).toEqual(['daily:<user>']);
  expect(decided.grantIds).toEqual(['g0', 'tailnet[0]', 'tailnet[1]']);
  expect(decided.unreadableCapabilities).toBe(2);
  expect(decided.custom).toEqual({ 'example.com/cap/policy': [{ tier: 'gold' }] });
  // It is the caller's own: another one of the same login without it has none of it.
  expect(access.decide(user('alice@example.com')).role).toBe('user');
});

test('a quota of the policy file that cannot be read refuses what it would have limited, and gives nothing', () => {
  const access = compileAccess([grant('g0', ['*'], { role: 'user', models: 'openai/**' })]);
  const limits = (...objects: unknown[]) => {
    const decided = access.decide(
      user('alice@example.com', { capabilities: { 'tailscale.com/cap/aperture': objects } }),
    );
    const [openai, other] = [decided.matching('openai', 'gpt-5'), decided.matching('lab', 'qwen3')];
    return [openai.quotas, openai.grantIds, other.quotas, other.grantIds];
  };
  const refused = ['(unreadable)'];
  expect(limits({ quotas: [{ bucket: 7 }] })).toEqual([refused, ['g0'], refused, undefined]);
  expect(limits({ quotas: 'daily' })).toEqual([refused, ['g0'], refused, undefined]);
  expect(limits({ role: 'owner', quotas: [{ bucket: 'daily' }] })).toEqual([refused, ['g0'], refused, undefined]);
  expect(limits({ models: 'lab/*', quotas: 7 })).toEqual([[], ['g0'], refused, undefined]);
  expect(limits({ models: 'openai/*', quotas: 7 }, { quotas: [{ bucket: 'daily' }] })).toEqual([
    ['(unreadable)', 'daily'],
    ['g0'],
    ['daily'],
    undefined,
  ]);
  // Which models it meant nobody knows, so it is all of them; and without quotas there was no limit.
  expect(limits({ models: 7, quotas: [{ bucket: 'daily' }] })).toEqual([refused, ['g0'], refused, undefined]);
  expect(limits({ role: 'owner', quotas: null })).toEqual([[], ['g0'], [], undefined]);
});

test('a rule of the policy file that cannot be read refuses what it would have judged, and gives nothing', () => {
  const access = compileAccess([grant('g0', ['*'], { role: 'user', models: 'openai/**' })]);
  const rules = (...objects: unknown[]) => {
    const decided = access.decide(
      user('alice@example.com', { capabilities: { 'tailscale.com/cap/aperture': objects } }),
    );
    const [openai, other] = [decided.matching('openai', 'gpt-5'), decided.matching('lab', 'qwen3')];
    return [openai.sendHooks, openai.grantIds, other.sendHooks, other.grantIds];
  };
  const refused = [{ name: '(unreadable)', events: ['pre_request'], send: [] }];
  const pii = { name: 'pii', events: ['pre_request'], send: [] };
  expect(rules({ send_hooks: [pii] })).toEqual([[pii], ['g0'], [pii], undefined]);
  expect(rules({ send_hooks: [{ name: 'pii' }] })[0]).toEqual([{ name: 'pii', events: [], send: [] }]);
  for (const send_hooks of ['pii', [{ name: 7 }], [{ name: 'pii', events: ['prerequest'] }], [{ events: [] }], {}]) {
    expect(rules({ send_hooks })).toEqual([refused, ['g0'], refused, undefined]);
    expect(rules({ models: 'lab/*', send_hooks })).toEqual([[], ['g0'], refused, undefined]);
  }
  expect(rules({ role: 'owner', models: 'lab/*', send_hooks: [pii] })).toEqual([[], ['g0'], refused, undefined]);
  expect(rules({ models: 7, send_hooks: [pii] })).toEqual([refused, ['g0'], refused, undefined]);
  expect(rules({ role: 'owner', send_hooks: null })).toEqual([[], ['g0'], [], undefined]);
  // What can be read of others stays beside it.
  expect(rules({ send_hooks: 7 }, { send_hooks: [pii] })[0]).toEqual([...refused, pii]);
});

test('custom capabilities of the config reach the hooks, united', () => {
  const access = compileAccess([
    { id: 'a', src: ['*'], capabilities: [{ role: 'user' }], custom: { 'example.com/cap/policy': [1] } },
    { id: 'b', src: ['alice@example.com'], capabilities: [], custom: { 'example.com/cap/policy': [2] } },
  ]);
  expect(access.decide(alice).custom).toEqual({ 'example.com/cap/policy': [1, 2] });
  expect(access.decide(user('bob@example.com')).custom).toEqual({ 'example.com/cap/policy': [1] });
});

test('callers never share a cached decision unless all that decides is equal', () => {
  const access = compileAccess([grant('t', ['tag:a'], { role: 'admin' }), grant('g', ['group:a'], { role: 'user' })]);
  expect(access.decide(user('x', { groups: ['group:a'] })).role).toBe('user');
  expect(access.decide(user('x')).role).toBeUndefined();
  expect(access.decide(user('x', { groups: ['tag:a'] })).role).toBeUndefined();
  expect(access.decide(device('tag:a')).role).toBe('admin');
  expect(access.decide(user('tag:a', { source: 'proxy_headers' })).role).toBeUndefined();
});

test('with 2,000 grants and 50,000 logins a decision takes less than 20 µs, asked for the first time or again', () => {
  const grants = Array.from({ length: 2_000 }, (_, at): GrantInput =>
    at < 20
      ? grant(`g${at}`, ['*'], { role: 'user' }, { models: `provider${at}/**` })
      : grant(`g${at}`, [`user${at}@example.com`, `group:g${at % 200}`], { models: `*/model-${at}*` }),
  );
  const access = compileAccess(grants);
  const callers = Array.from({ length: 50_000 }, (_, at) =>
    user(`user${at}@example.com`, { groups: [`group:g${at % 200}`, `group:h${at % 7}`] }),
  );
  const first: number[] = [];
  const again: number[] = [];
  for (const times of [first, again]) {
    for (const caller of callers) {
      const startedAt = performance.now();
      access.decide(caller).may('provider3', 'model-77');
      times.push(performance.now() - startedAt);
    }
  }
  const median = (times: number[]) => (times.sort((a, b) => a - b)[times.length / 2] ?? 0) * 1000;
  console.log(
    `decide + may, 2,000 grants, 50,000 logins: first p50 ${median(first).toFixed(2)} µs, again p50 ${median(again).toFixed(2)} µs`,
  );
  expect(median(first)).toBeLessThan(20);
  expect(median(again)).toBeLessThan(20);
});
