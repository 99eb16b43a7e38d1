import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { hookDestinationsOf, rulesOf } from '../../config/rules.ts';
import type { Config } from '../../config/schema.ts';
import type { RulesSlice } from '../../src/contract/guardrail.ts';
import { packageRoot } from '../../src/lib/package-root.ts';

const CAPABILITY = 'tailscale.com/cap/aperture';

function load(hooks: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const grants = [
    { src: ['*'], app: { [CAPABILITY]: [{ role: 'admin' }, { models: '**', send_hooks: wire(Object.keys(hooks)) }] } },
  ];
  const providers = { p: { baseurl: 'http://x', models: ['m'] } };
  return loadConfig({ text: JSON.stringify({ providers, grants, hooks, ...more }), file: 'test.hujson', env: {} });
}

function wire(names: readonly string[], events: readonly string[] = ['pre_request']) {
  return names.map((name) => ({ name, events, send: [] }));
}

/** `severity path: message` of all that is said about it. */
function said(hooks: Record<string, unknown>, more: Record<string, unknown> = {}): string[] {
  const loaded = load(hooks, more);
  return (loaded.ok ? loaded.value.warnings : loaded.fault).map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

function configOf(hooks: Record<string, unknown>, more: Record<string, unknown> = {}): Config {
  const loaded = load(hooks, more);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return loaded.value.config;
}

function slice(hooks: Record<string, unknown>, more: Record<string, unknown> = {}): RulesSlice {
  return rulesOf(configOf(hooks, more));
}

function builtin(rule: unknown) {
  const [only] = slice({ r: { builtin: rule } }).rules;
  return only?.type === 'builtin' ? only.builtin : undefined;
}

const COMMON = { shadow: false, message: 'request blocked by guardrail', statusCode: 403 };

test('each kind of rule is read with its defaults', () => {
  expect(builtin({ kind: 'personal_data', action: 'redact' })).toEqual({
    kind: 'personal_data',
    action: 'redact',
    detect: ['email', 'phone', 'iban', 'card', 'national_id', 'ip_address', 'name'],
    names: [],
    sides: ['request', 'response'],
    thinking: false,
    ...COMMON,
  });
  expect(builtin({ kind: 'secrets', action: 'block' })).toEqual({
    kind: 'secrets',
    action: 'block',
    detect: ['provider_key', 'cloud_key', 'private_key', 'jwt'],
    sides: ['request', 'response'],
    thinking: true,
    ...COMMON,
  });
  expect(builtin({ kind: 'words', action: 'tokenise', words: ['Project Nightjar'] })).toEqual({
    kind: 'words',
    action: 'tokenise',
    words: ['Project Nightjar'],
    caseSensitive: false,
    wholeWords: true,
    sides: ['request', 'response'],
    thinking: false,
    ...COMMON,
  });
  const patterns = [{ name: 'ticket', pattern: 'TCK-[0-9]{4,9}' }];
  expect(builtin({ kind: 'regex', action: 'flag', patterns })).toEqual({
    kind: 'regex',
    action: 'flag',
    patterns,
    window: 256,
    sides: ['request', 'response'],
    thinking: true,
    ...COMMON,
  });
  expect(builtin({ kind: 'tool_policy', action: 'block', deny: ['shell*'] })).toEqual({
    kind: 'tool_policy',
    action: 'block',
    allow: undefined,
    deny: ['shell*'],
    arguments: {},
    sides: ['request', 'response'],
    ...COMMON,
  });
  expect(builtin({ kind: 'parameters', action: 'block', bounds: { temperature: { max: 1 } } })).toEqual({
    kind: 'parameters',
    action: 'block',
    bounds: { temperature: { max: 1 } },
    sides: ['request'],
    ...COMMON,
  });
  expect(builtin({ kind: 'prompt_size', action: 'block', max_bytes: '64KiB' })).toEqual({
    kind: 'prompt_size',
    action: 'block',
    maxBytes: 65_536,
    maxMessages: undefined,
    sides: ['request'],
    ...COMMON,
  });
});

test('what is written in the file stands in the rule, under the names of the contract', () => {
  expect(
    builtin({
      kind: 'personal_data',
      action: 'flag',
      detect: ['name', 'email', 'email'],
      names: ['Ada Lovelace'],
      sides: ['response', 'response'],
      thinking: false,
      shadow: true,
      message: 'ask legal',
      status_code: 451,
    }),
  ).toEqual({
    kind: 'personal_data',
    action: 'flag',
    detect: ['name', 'email'],
    names: ['Ada Lovelace'],
    sides: ['response'],
    thinking: false,
    shadow: true,
    message: 'ask legal',
    statusCode: 451,
  });
  const bounds = {
    model: { one_of: ['a', 'b'] },
    'generationConfig.topK': { min: 1, max: 40 },
    logprobs: { forbidden: true },
  };
  expect(builtin({ kind: 'parameters', action: 'flag', bounds })).toMatchObject({
    bounds: {
      model: { oneOf: ['a', 'b'] },
      'generationConfig.topK': { min: 1, max: 40 },
      logprobs: { forbidden: true },
    },
  });
  const schema = { type: 'object', properties: { pattern: { type: 'string' }, format: { enum: ['csv'] } } };
  expect(builtin({ kind: 'tool_policy', action: 'block', allow: [], arguments: { export: schema } })).toMatchObject({
    allow: [],
    arguments: { export: schema },
  });
});

const words = { kind: 'words', words: ['x'] };
const regex = (pattern: unknown) => ({ kind: 'regex', action: 'flag', patterns: [pattern] });
const tools = (more: object) => ({ kind: 'tool_policy', action: 'block', ...more });

test.each<[what: string, rule: unknown, path: string, message: RegExp]>([
  [
    'a kind nobody knows',
    { kind: 'pii' },
    'builtin.kind',
    /"pii" is not one of personal_data, secrets, words, regex, tool_policy, parameters, prompt_size/,
  ],
  ['no kind', { action: 'flag' }, 'builtin.kind', /is required/],
  ['a name in place of a rule', 'pii', 'builtin', /cannot unmarshal string into a field of type object/],
  ['no action', words, 'builtin.action', /is required/],
  [
    'an action nobody knows',
    { ...words, action: 'tokenize' },
    'builtin.action',
    /"tokenize" is not one of block, redact, tokenise, flag/,
  ],
  [
    'an action of others',
    { kind: 'prompt_size', action: 'redact', max_messages: 1 },
    'builtin.action',
    /not one of block, flag/,
  ],
  ['a key nobody knows', { ...words, action: 'flag', colour: 1 }, 'builtin.colour', /unknown config key "colour"/],
  [
    'redacted thinking',
    { ...words, action: 'redact', thinking: true },
    'builtin.thinking',
    /signed blocks are sent back as they came/,
  ],
  [
    'tokenised thinking',
    { ...words, action: 'tokenise', thinking: true },
    'builtin.thinking',
    /signed blocks are sent back as they came/,
  ],
  [
    'names that are looked for and not there',
    { kind: 'personal_data', action: 'flag', detect: ['email', 'name'] },
    'builtin.detect[1]',
    /needs "names"/,
  ],
  [
    'names that are there and not looked for',
    { kind: 'personal_data', action: 'flag', detect: ['email'], names: ['A B'] },
    'builtin.names',
    /are not looked for/,
  ],
  ['nothing to detect', { kind: 'secrets', action: 'flag', detect: [] }, 'builtin.detect', /is empty/],
  [
    'something nobody detects',
    { kind: 'secrets', action: 'flag', detect: ['email'] },
    'builtin.detect[0]',
    /"email" is not one of provider_key/,
  ],
  ['no words', { kind: 'words', action: 'flag', words: [] }, 'builtin.words', /is empty/],
  ['a blank word', { kind: 'words', action: 'flag', words: ['a', ' '] }, 'builtin.words[1]', /is empty/],
  [
    'too many words',
    { kind: 'words', action: 'flag', words: Array.from({ length: 10_001 }, (_, at) => `w${at}`) },
    'builtin.words',
    /more than 10000 words/,
  ],
  [
    'too long a word',
    { kind: 'words', action: 'flag', words: ['x'.repeat(257)] },
    'builtin.words[0]',
    /longer than 256/,
  ],
  [
    'sides nobody has',
    { ...words, action: 'flag', sides: ['answer'] },
    'builtin.sides[0]',
    /not one of request, response/,
  ],
  ['no side', { ...words, action: 'flag', sides: [] }, 'builtin.sides', /is empty/],
  [
    'a status that is none of a refusal',
    { ...words, action: 'block', status_code: 500 },
    'builtin.status_code',
    /500 is more than 499/,
  ],
  ['an empty message', { ...words, action: 'block', message: '' }, 'builtin.message', /is empty/],
  [
    'a window beyond what is held',
    { ...regex({ name: 'a', pattern: 'a' }), window: 4_097 },
    'builtin.window',
    /4097 is more than 4096/,
  ],
  [
    'a name that no metric can bear',
    regex({ name: 'My-Ticket', pattern: 'a' }),
    'builtin.patterns[0].name',
    /lower-case letters/,
  ],
  [
    'two patterns of one name',
    {
      ...regex({ name: 'a', pattern: 'a' }),
      patterns: [
        { name: 'a', pattern: 'a' },
        { name: 'a', pattern: 'b' },
      ],
    },
    'builtin.patterns[1].name',
    /name of a pattern before it/,
  ],
  [
    'responses with parameters',
    { kind: 'parameters', action: 'flag', bounds: { n: { max: 1 } }, sides: ['request', 'response'] },
    'builtin.sides[1]',
    /requests only/,
  ],
  [
    'responses with a prompt',
    { kind: 'prompt_size', action: 'flag', max_messages: 1, sides: ['response'] },
    'builtin.sides[0]',
    /requests only/,
  ],
  [
    'a guess that refuses',
    { kind: 'prompt_injection', action: 'block' },
    'builtin.action',
    /cannot be block .* it guesses, and guesses wrong, so it only flags/,
  ],
  [
    'a guess that replaces',
    { kind: 'language', action: 'redact', allow: ['en'] },
    'builtin.action',
    /cannot be redact .* it only flags/,
  ],
  [
    'a language nobody knows',
    { kind: 'language', action: 'flag', allow: ['xx'] },
    'builtin.allow[0]',
    /"xx" is not one of/,
  ],
  ['no language', { kind: 'language', action: 'flag', allow: [] }, 'builtin.allow', /is empty/],
  [
    'a guess about responses',
    { kind: 'prompt_injection', action: 'flag', sides: ['response'] },
    'builtin.sides[0]',
    /requests only/,
  ],
  ['a prompt of any size', { kind: 'prompt_size', action: 'flag' }, 'builtin', /"max_bytes" or "max_messages"/],
  ['no bounds', { kind: 'parameters', action: 'flag', bounds: {} }, 'builtin.bounds', /is empty/],
  [
    'a bound that says nothing',
    { kind: 'parameters', action: 'flag', bounds: { n: {} } },
    'builtin.bounds.n',
    /says nothing/,
  ],
  [
    'a bound upside down',
    { kind: 'parameters', action: 'flag', bounds: { n: { min: 2, max: 1 } } },
    'builtin.bounds.n',
    /"min" above its "max"/,
  ],
  [
    'a bound on what is forbidden',
    { kind: 'parameters', action: 'flag', bounds: { n: { max: 2, forbidden: true } } },
    'builtin.bounds.n',
    /forbids the parameter and bounds it/,
  ],
  [
    'a path with a hole',
    { kind: 'parameters', action: 'flag', bounds: { 'a..b': { max: 2 } } },
    'builtin.bounds["a..b"]',
    /the name of a parameter/,
  ],
  ['a policy that says nothing', tools({}), 'builtin', /"allow", "deny" or "arguments"/],
  [
    'arguments of requests',
    tools({ arguments: { t: {} }, sides: ['request'] }),
    'builtin.arguments',
    /stand in responses/,
  ],
  [
    'a schema with a pattern',
    tools({ arguments: { t: { type: 'string', pattern: '^a' } } }),
    'builtin.arguments.t',
    /must not use "pattern"/,
  ],
  [
    'a schema with a format below',
    tools({ arguments: { t: { properties: { properties: { format: 'email' } } } } }),
    'builtin.arguments.t',
    /must not use "format"/,
  ],
  ['a schema that is none', tools({ arguments: { t: { type: 'nope' } } }), 'builtin.arguments.t', /no JSON schema/],
])('%s is an error', (_, rule, path, message) => {
  const found = said({ r: { builtin: rule } });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(message);
  expect(found[0]).toContain(`error hooks.r.${path}: `);
});

test('rules that guess are read with their defaults, and let pass what they cannot look at', () => {
  expect(builtin({ kind: 'prompt_injection', action: 'flag' })).toEqual({
    kind: 'prompt_injection',
    action: 'flag',
    threshold: 3,
    sides: ['request'],
    ...COMMON,
  });
  expect(builtin({ kind: 'language', action: 'flag', allow: ['en', 'de', 'en'] })).toEqual({
    kind: 'language',
    action: 'flag',
    allow: ['en', 'de'],
    sides: ['request'],
    ...COMMON,
  });
  const [rule] = slice({ r: { builtin: { kind: 'prompt_injection', action: 'flag' } } }).rules;
  expect(rule?.failPolicy).toBe('fail_open');
});

test('that a hook is asked about answers is said, as streams then wait; of a rule, whose events are its sides, it is not', () => {
  const asked = (hooks: Record<string, unknown>): string[] =>
    said(hooks, {
      grants: [
        {
          src: ['*'],
          app: {
            [CAPABILITY]: [{ role: 'admin' }, { models: '**', send_hooks: wire(['h'], ['pre_request', 'response']) }],
          },
        },
      ],
    });
  expect(asked({ h: { url: 'http://x' } })).toEqual([
    expect.stringMatching(
      /^warning grants\[0\].*send_hooks\[0\]\.events\[1\]: hook "h" is asked about whole answers: a stream/,
    ),
  ]);
  expect(asked({ h: { builtin: { kind: 'secrets', action: 'flag' } } })).toEqual([]);
});

test('nothing that is wrong quotes what a rule looks for', () => {
  const secret = 'canary-value-which-is-longer-than-anything-shown';
  const found = said({
    a: { builtin: { kind: 'words', action: 'flag', words: [secret.repeat(8)] } },
    b: { builtin: { kind: 'personal_data', action: 'flag', detect: ['email'], names: [secret] } },
    c: { builtin: { kind: 'regex', action: 'flag', patterns: [{ name: secret, pattern: '(' }] } },
    d: { builtin: { kind: 'parameters', action: 'flag', bounds: { n: { one_of: [secret], forbidden: true } } } },
  });
  expect(found).toHaveLength(4);
  expect(found.join('\n')).not.toContain(secret.slice(0, 20));
});

test('a hook is a url or a rule of the gateway itself, and not both', () => {
  const rule = { kind: 'words', action: 'flag', words: ['x'] };
  expect(said({ h: { url: 'http://x', builtin: rule } })).toEqual([
    'error hooks.h.url: hook h has a url and a rule of the gateway itself ("builtin"): it can be one of them',
  ]);
  expect(said({ h: { builtin: rule, apikey: 'canary' } })).toEqual([
    'warning hooks.h.apikey: hook h: nobody is sent the key of a rule of the gateway itself',
  ]);
  expect(said({ h: { builtin: rule } })).toEqual([]);
});

test('rules run by preference and then by name; what is switched off is told apart from what is misspelt', () => {
  const rule = { kind: 'words', action: 'flag', words: ['x'] };
  const { rules, disabled, unusable } = slice({
    b: { builtin: rule },
    a: { builtin: rule },
    last: { url: 'http://x', preference: -1 },
    first: { url: 'http://x', preference: 7 },
    off: { builtin: rule, disabled: true, preference: 9 },
  });
  expect(rules.map(({ name }) => name)).toEqual(['first', 'a', 'b', 'last']);
  expect(disabled).toEqual(['off']);
  expect(unusable).toEqual([]);
});

test('a hook that cannot answer lets pass where nothing is said; a rule that cannot look refuses', () => {
  const rule = { kind: 'words', action: 'flag', words: ['x'] };
  const { rules } = slice({
    a: { url: 'http://x' },
    b: { builtin: rule },
    c: { url: 'http://x', fail_policy: 'fail_closed' },
    d: { builtin: rule, fail_policy: 'fail_open' },
    e: { builtin: rule, fail_policy: '' },
  });
  expect(rules.map(({ failPolicy }) => failPolicy)).toEqual([
    'fail_open',
    'fail_closed',
    'fail_closed',
    'fail_open',
    'fail_closed',
  ]);
});

test.each([
  [{}, []],
  [{ apikey: ' k\n' }, [['authorization', 'Bearer k']]],
  [{ apikey: 'k', authorization: 'x-api-key' }, [['x-api-key', 'k']]],
  [{ apikey: 'k', authorization: 'x-goog-api-key' }, [['x-goog-api-key', 'k']]],
  [{ apikey: 'k', authorization: 'hec' }, [['authorization', 'Splunk k']]],
  [{ apikey: 'k', authorization: 'cf-aig-authorization' }, [['cf-aig-authorization', 'Bearer k']]],
])('a hook with %j is called with the headers %j', (fields, headers) => {
  const { rules, egress } = slice(
    { h: { url: 'http://hooks.ts.net:8000/in?x=1', timeout: '500ms', ...fields } },
    { server: { egress: { allow: ['10.0.0.0/8'], ca_file: '/ca.pem' } } },
  );
  expect(rules).toEqual([
    {
      type: 'hook',
      name: 'h',
      preference: 0,
      failPolicy: 'fail_open',
      target: { origin: 'http://hooks.ts.net:8000', path: '/in?x=1', host: 'hooks.ts.net:8000', plainHttp: true },
      headers,
      timeoutMs: 500,
    },
  ]);
  expect(egress).toEqual({ allow: ['10.0.0.0/8'], caFile: '/ca.pem' });
});

test.each([
  [{}, 'it has no url', 'hook h has no url configured'],
  [
    { url: 'ftp://x' },
    'its url must be an http:// or https:// URL',
    'hook h has invalid URL scheme (must be http:// or https://): ftp://x',
  ],
  [
    { url: 'https://u:canary@x' },
    'its url must not hold a user or password',
    'hook h is never called: its url must not hold a user or password',
  ],
  [
    { url: 'https://x', apikey: 'canäry' },
    'its apikey holds characters that no header can carry',
    'hook h is never called: its apikey holds characters that no header can carry',
  ],
])('a hook with %j loads, and is not called', (hook, why, message) => {
  const found = said({ h: hook });
  expect(found).toEqual([`warning hooks.h.url: ${message}`]);
  expect(slice({ h: { ...hook, fail_policy: 'fail_closed' } })).toMatchObject({
    rules: [],
    disabled: [],
    unusable: [{ name: 'h', failPolicy: 'fail_closed', why }],
  });
});

test('plain http to a host of elsewhere is remarked on, and to one of our own is not', () => {
  expect(said({ h: { url: 'http://hooks.example.com/x' } })).toEqual([
    'warning hooks.h.url: hook h is called over plain http: whoever is on the way can read what it is told',
  ]);
  for (const host of [
    'localhost',
    '127.0.0.1',
    '10.1.2.3',
    '100.64.0.1:8000',
    '[fd7a:115c:a1e0::1]',
    'pii',
    'pii.tail1.ts.net',
  ]) {
    expect(said({ h: { url: `http://${host}/x` } }), host).toEqual([]);
  }
});

test('a rule needs no events, as its sides say where it looks; a hook without any is remarked on', () => {
  const rule = { kind: 'words', action: 'flag', words: ['x'] };
  const hooks = { rule: { builtin: rule }, hook: { url: 'http://x' }, idle: { builtin: rule } };
  const grants = [
    { src: ['*'], app: { [CAPABILITY]: [{ role: 'admin', models: '**', send_hooks: wire(['rule', 'hook'], []) }] } },
  ];
  expect(said(hooks, { grants })).toEqual([
    expect.stringContaining('hook "hook" is never called here: "events" is empty'),
    expect.stringContaining('rule "idle" is never applied: no grant here names it'),
  ]);
});

test('told afterwards are the hooks that a grant wires to it, or all where grants may come with a node', () => {
  const hooks = {
    before: { url: 'http://x' },
    after: { url: 'https://y/in', apikey: 'k', timeout: '1s' },
    off: { url: 'http://x', disabled: true },
    broken: { url: 'nowhere' },
  };
  const grants = [
    { src: ['*'], app: { [CAPABILITY]: [{ send_hooks: wire(['before']) }] } },
    { src: ['b'], app: { [CAPABILITY]: [{ send_hooks: wire(['after', 'off', 'broken'], ['entire_request']) }] } },
  ];
  const after = {
    destination: 'hooks.after',
    target: { origin: 'https://y', path: '/in', host: 'y', plainHttp: true },
    headers: [['authorization', 'Bearer k']],
    timeoutMs: 1_000,
  };
  expect(hookDestinationsOf(configOf(hooks, { grants }))).toEqual([after]);
  const onTailnet = hookDestinationsOf(configOf(hooks, { grants, server: { listen: [{ address: 'tailscale:80' }] } }));
  expect(onTailnet.map(({ destination }) => destination)).toEqual(['hooks.after', 'hooks.before']);
});

test('every example of docs/guardrails.md is one that loads, and leaves a rule', () => {
  const text = readFileSync(join(packageRoot(), 'docs/guardrails.md'), 'utf8');
  const examples = [...text.matchAll(/```json\n([^]*?)```/g)].map(([, example = '']) => example);
  expect(examples.length).toBeGreaterThan(7);
  for (const example of examples) {
    const loaded = loadConfig({ text: example, file: 'docs/guardrails.md', env: {} });
    const errors = loaded.ok ? [] : loaded.fault.filter(({ severity }) => severity === 'error');
    expect(errors, example).toEqual([]);
    expect(loaded.ok && rulesOf(loaded.value.config).rules, example).toHaveLength(1);
  }
});
