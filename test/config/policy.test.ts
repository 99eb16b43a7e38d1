import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';

const CAPABILITY = 'tailscale.com/cap/aperture';

function config(more: Record<string, unknown>): string {
  return JSON.stringify({
    providers: {
      anthropic: { baseurl: 'http://a', models: ['claude-sonnet-4-6'], compatibility: { anthropic_messages: true } },
      lab: { baseurl: 'http://l', models: ['qwen3-coder', 'org/model-7b'] },
      off: { baseurl: 'http://o', models: ['claude-old'], disabled: true },
    },
    grants: [
      { src: ['*'], app: { [CAPABILITY]: [{ role: 'user' }] } },
      { src: ['root@example.com'], app: { [CAPABILITY]: [{ role: 'admin' }, { models: '**' }] } },
      { src: ['group:eng'], app: { [CAPABILITY]: [{ models: 'lab/**' }] } },
      { src: ['tag:ci'], app: { [CAPABILITY]: [{ models: 'anthropic/*' }] } },
    ],
    ...more,
  });
}

function messages(text: string): string[] {
  const loaded = loadConfig({ text, file: 'test.hujson', env: {} });
  return (loaded.ok ? loaded.value.warnings : loaded.fault).map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

describe('policy tests', () => {
  const cases = [
    { login: 'root@example.com', model: 'claude-sonnet-4-6', allow: true },
    { login: 'alice@example.com', model: 'claude-sonnet-4-6', allow: false },
    { login: 'alice@example.com', groups: ['group:eng'], model: 'lab/org/model-7b', allow: true },
    { login: 'alice@example.com', groups: ['group:eng'], model: 'qwen3-coder', allow: true },
    { tags: ['tag:ci'], model: 'claude-sonnet-4-6', allow: true },
    { tags: ['tag:ci', 'tag:prod'], model: 'anthropic/claude-sonnet-4-6', allow: true },
    { tags: ['tag:ci'], model: 'qwen3-coder', allow: false },
    { login: 'root@example.com', model: 'claude-old', allow: false },
    { login: 'root@example.com', model: 'no-such-model', allow: false },
  ];

  test('that hold say nothing', () => {
    expect(messages(config({ server: { policy_tests: cases } }))).toEqual([]);
  });

  test.each(cases)('that do not hold refuse the config and say why: %j', (each) => {
    const [message, ...others] = messages(config({ server: { policy_tests: [{ ...each, allow: !each.allow }] } }));
    expect(others).toEqual([]);
    expect(message).toMatch(
      /^error server\.policy_tests\[0\]: policy test fails: \S+ may (?:not )?use "[^"]+" \(.+\)$/,
    );
  });

  test('must name a login or tags, and not both', () => {
    const both = messages(
      config({ server: { policy_tests: [{ login: 'a@x', tags: ['tag:ci'], model: 'm', allow: true }] } }),
    );
    expect(both.join()).toContain('names a login or tags, and not both');
    const typo = messages(
      config({ server: { policy_tests: [{ login: 'a@x', model: 'm', alow: true, allow: false }] } }),
    );
    expect(typo.join()).toContain('unknown config key "alow"');
  });
});

describe('failure mode 50: rules that can never apply are remarked on', () => {
  const grant = (capability: unknown, src: string[] = ['*']) => ({ src, app: { [CAPABILITY]: [capability] } });
  const admin = grant({ role: 'admin' });

  test.each([
    ['a glob that matches no model', grant({ models: 'lab/qwen4*' }), '"lab/qwen4*" matches no model of any provider'],
    [
      'one star where a name has slashes',
      grant({ models: 'lab/model-7b' }),
      '"lab/model-7b" matches no model of any provider',
    ],
    [
      'a direct path of nobody',
      grant({ direct_paths: ['lab/v1/jobs', '*/v1/x', '/v1/jobs'] }),
      '"/v1/jobs" names no provider: it is a glob over provider/path',
    ],
    [
      'direct paths that are no list',
      grant({ direct_paths: '**' }),
      '"direct_paths" that is no list of texts does nothing',
    ],
    ['an empty src', grant({ role: 'user' }, []), 'matches nobody: "src" is empty'],
    [
      'a pattern in src',
      grant({ role: 'user' }, ['*@example.com']),
      '"*@example.com" matches nobody: "*" stands alone, for everybody',
    ],
    ['white space in src', grant({ role: 'user' }, ['group:eng ']), 'matches nobody: it has white space'],
  ])('%s', (_what, bad, message) => {
    const found = messages(config({ grants: [admin, bad] }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    expect(found[0]).toMatch(/^warning grants\[1\]/);
  });

  test('a quota and a hook that no grant names, and a hook without events', () => {
    const found = messages(
      config({
        grants: [admin, grant({ models: '**', send_hooks: [{ name: 'used', events: [] }] })],
        quotas: { daily: { capacity: '$1.00', rate: '$1.00/day' } },
        hooks: { used: { url: 'http://h' }, unused: { url: 'http://h' } },
      }),
    ).join('\n');
    expect(found).toContain('quota "daily" charges nobody: no grant here names it');
    expect(found).toContain('hook "unused" is never called: no grant here names it');
    expect(found).not.toContain('hook "used" is never called: no');
    expect(found).toContain('hook "used" is never called here: "events" is empty');
  });

  test('a price rule that rules before it shadow, and a tie that the order of the file decides', () => {
    const providers = {
      a: {
        baseurl: 'http://a',
        models: ['m-1', 'm-2'],
        model_cost_map: [
          { match: 'm-*', as: 'gpt-5' },
          { match: 'm-1', as: 'gpt-5-mini' },
          { match: 'unlisted', as: 'gpt-5-mini' },
        ],
      },
      b: { baseurl: 'http://b', models: ['m-2'] },
      c: { baseurl: 'http://c', models: ['m-2'], preference: 1 },
    };
    expect(messages(config({ providers, grants: [admin] }))).toEqual([
      'warning providers.a.model_cost_map[1].match: "m-1" is never used: rules before it match the same models',
      'warning providers.b.models[0]: "m-2" is never asked of b by its bare name: a has it with the same preference and stands before',
    ]);
  });

  test('never keep a config out, not even when it is saved', () => {
    const text = config({ grants: [admin, grant({ models: 'lab/qwen4*' })] });
    expect(loadConfig({ text, file: 't', env: {}, strict: true }).ok).toBe(true);
  });
});
