import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { credentialsOf, grantsOf, pricingOf, providersOf, serverOf } from '../../config/slices.ts';
import { providerId } from '../../src/contract/ids.ts';
import { packageRoot } from '../../src/lib/package-root.ts';

function configOf(text: string, env: Record<string, string> = {}) {
  const loaded = loadConfig({ text, file: 'test.hujson', env });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return loaded.value.config;
}

function shipped(env: Record<string, string>) {
  return configOf(readFileSync(join(packageRoot(), 'config/aperture.hujson'), 'utf8'), env);
}

test.each([
  ['absent', '', ['openai_chat']],
  ['empty', '"compatibility": {}', ['openai_chat']],
  ['another flag on', '"compatibility": { "anthropic_messages": true }', ['anthropic_messages']],
  ['another flag off', '"compatibility": { "anthropic_messages": false }', ['openai_chat']],
  [
    'chat with another',
    '"compatibility": { "openai_chat": true, "openai_responses": true }',
    ['openai_chat', 'openai_responses'],
  ],
  ['chat off', '"compatibility": { "openai_chat": false }', []],
  ['an experiment on', '"compatibility": { "experimental_gemini_cli_vertex_compat": true }', []],
])('compatibility %s', (_what, block, expected) => {
  const [provider] = providersOf(configOf(`{ "providers": { "p": { "baseurl": "http://x", ${block} } } }`));
  expect(provider?.compatibility).toEqual(expected);
});

test.each([
  ['https://api.openai.com/', 'https://api.openai.com', false],
  ['https://openrouter.ai/api/', 'https://openrouter.ai/api', false],
  ['http://HOST:8080//', 'http://host:8080', false],
  ['http://[fd7a::1]:80/v1', 'http://[fd7a::1]/v1', false],
  ['ftp://x', '', true],
  ['api.openai.com', '', true],
  ['https://user@x', '', true],
  ['https://x?a=1', '', true],
  ['https://x#', '', true],
  ['', '', true],
])('baseurl "%s" is "%s", and the provider disabled: %s', (baseurl, baseUrl, disabled) => {
  const [provider] = providersOf(configOf(`{ "providers": { "p": { "baseurl": ${JSON.stringify(baseurl)} } } }`));
  expect(provider).toMatchObject({ baseUrl, disabled });
});

const KEY_FILE = `keyfile::${Buffer.from(
  JSON.stringify({
    project_id: 'of-the-key',
    client_email: 'a@b',
    private_key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }),
  }),
).toString('base64')}`;
const GOOGLE = 'https://aiplatform.googleapis.com';

test.each([
  ['the key file', { apikey: KEY_FILE, baseurl: GOOGLE }, { project: 'of-the-key', location: 'global' }],
  [
    'the host',
    { apikey: KEY_FILE, baseurl: 'https://us-east5-aiplatform.googleapis.com' },
    { project: 'of-the-key', location: 'us-east5' },
  ],
  [
    'a host of several locations',
    { apikey: KEY_FILE, baseurl: 'https://aiplatform.eu.rep.googleapis.com/' },
    { project: 'of-the-key', location: 'eu' },
  ],
  [
    'the settings',
    {
      apikey: KEY_FILE,
      baseurl: 'https://us-east5-aiplatform.googleapis.com',
      vertex_project: 'mine',
      vertex_location: 'eu',
    },
    { project: 'mine', location: 'eu' },
  ],
  ['nobody', { apikey: 'a-key', baseurl: GOOGLE }, undefined],
  ['a key file that is none', { apikey: 'keyfile::bm9uZQ==', baseurl: GOOGLE }, undefined],
])("Vertex' place is what %s says", (_what, provider, vertex) => {
  const compatibility = { google_raw_predict: true };
  const config = configOf(JSON.stringify({ providers: { p: { ...provider, compatibility } } }));
  expect(providersOf(config)[0]?.vertex).toEqual(vertex);
  // Without the flag it is no provider on Vertex.
  expect(providersOf(configOf(JSON.stringify({ providers: { p: provider } })))[0]?.vertex).toBeUndefined();
});

test('a provider is handed on without its key, in the order of the file', () => {
  const config = configOf(`{ "providers": {
    "b": { "baseurl": "http://b", "apikey": "sk-secret", "models": ["m", "m", 5, "o/n"], "preference": 3,
           "add_headers": ["X-Team: a: b ", "Host: evil", "bad", "X-Bad: a\\r\\nX-Other: b"], "auth_mode": "passthrough",
           "model_cost_map": [{ "match": "m*", "as": "gpt-5" }, { "match": "*", "as": "x", "adjustment": 1e-7 }] },
    "a": { "baseurl": "http://a", "apikey": "k", "authorization": "", "cost_basis": "openai", "inject_usage": false },
  } }`);
  const providers = providersOf(config);
  expect(JSON.stringify(providers)).not.toContain('sk-secret');
  expect(providers[0]).toEqual({
    id: 'b',
    name: '',
    description: '',
    baseUrl: 'http://b',
    models: ['m', 'o/n'],
    compatibility: ['openai_chat'],
    preference: 3,
    disabled: false,
    addHeaders: [['x-team', 'a: b']],
    authMode: 'passthrough',
    injectUsage: true,
    costBasis: undefined,
    modelCostMap: [
      { match: 'm*', as: 'gpt-5', adjustment: '1' },
      { match: '*', as: 'x', adjustment: '0.0000001' },
    ],
  });
  expect(providers[1]).toMatchObject({ id: 'a', authMode: 'override', injectUsage: false, costBasis: 'openai' });
  expect(credentialsOf(config).get(providerId('a'))).toEqual({
    apikey: 'k',
    authorization: 'bearer',
    authMode: 'override',
    addHeaders: [],
  });
  expect(pricingOf(config)).toMatchObject({
    autoCostBasis: true,
    providers: { a: { costBasis: 'openai', compatibility: ['openai_chat'], modelCostMap: [] } },
  });
});

test('grants keep their place as their id, temp_grants are translated', () => {
  const config = configOf(`{
    "grants": [
      "not a grant",
      { "src": ["(loopback)", 5], "app": {
          "tailscale.com/cap/aperture": [{ "role": "user" }, { "models": "a/*", "add_headers": ["X: y", "bad"] }],
          "example.com/cap/policy": [{ "tier": "gold" }],
      } },
    ],
    "temp_grants": [{ "src": ["bob@example.com"], "grants": [
      { "role": "admin" },
      { "providers": [{ "provider": "anthropic", "model": "claude-x" }, { "provider": "*", "model": "*" }] },
      { "hook": { "match": { "providers": ["openai"], "models": ["*"], "events": ["entire_request"] }, "hook": "h", "fields": ["tools"] } },
    ] }],
  }`);
  expect(grantsOf(config)).toEqual([
    { id: 'grants[0]', src: [], capabilities: [], custom: {} },
    {
      id: 'grants[1]',
      src: ['(loopback)'],
      capabilities: [{ role: 'user' }, { models: 'a/*', add_headers: ['X: y'] }],
      custom: { 'example.com/cap/policy': [{ tier: 'gold' }] },
    },
    {
      id: 'temp_grants[0]',
      src: ['bob@example.com'],
      capabilities: [
        { role: 'admin' },
        { models: 'anthropic/claude-x' },
        { models: '**' },
        { models: 'openai/**', send_hooks: [{ name: 'h', events: ['entire_request'], send: ['tools'] }] },
      ],
      custom: {},
    },
  ]);
});

test('server settings carry their units', () => {
  const server = serverOf(
    configOf(`{ "server": {
      "listen": [{ "address": "127.0.0.1:0", "tls": { "cert_file": "c", "key_file": "k" } }],
      "listen_h2c": [{ "address": "127.0.0.1:81" }],
      "inspectors": 2, "allowed_hosts": ["AI.example.com"], "control": { "max_age": "1h" },
      "limits": { "headers": "32KiB" }, "timeouts": { "idle": "1.5s" }, "time_zone": "Europe/Berlin",
    } }`),
  );
  expect(server).toMatchObject({
    listeners: [
      { address: { port: 0 }, tls: { kind: 'files', certFile: 'c', keyFile: 'k' }, h2c: false },
      { address: { port: 81 }, tls: undefined, h2c: true },
    ],
    inspectors: 2,
    allowedHosts: ['ai.example.com'],
    control: { maxAgeMs: 3_600_000 },
    limits: { bodyBytes: 67_108_864, headersBytes: 32_768 },
    timeouts: { connectMs: 10_000, idleMs: 1500 },
    journal: { maxBytes: 4_294_967_296, whenFull: 'refuse' },
    timeZone: 'Europe/Berlin',
  });
});

test('the shipped config runs on the simulator alone until a key is in the environment', () => {
  const enabled = (env: Record<string, string>) =>
    providersOf(shipped(env))
      .filter(({ disabled }) => !disabled)
      .map(({ id }) => id);
  expect(enabled({})).toEqual(['sim-openai', 'sim-anthropic', 'sim-google']);
  expect(enabled({ ANTHROPIC_API_KEY: 'sk-ant', OPENAI_API_KEY: '' })).toEqual([
    'sim-openai',
    'sim-anthropic',
    'sim-google',
    'anthropic',
  ]);
});

test('in the shipped config a real provider wins over the simulator, and the port is the one in the environment', () => {
  const providers = providersOf(shipped({ APERTURE_SIMULATOR_PORT: '9123', OPENAI_API_KEY: 'sk-1' }));
  const serving = providers.filter(
    ({ models, disabled }) => !disabled && models.some((model) => model === 'gpt-5-mini'),
  );
  expect(serving.map(({ id, preference, baseUrl }) => [id, preference, baseUrl])).toEqual([
    ['sim-openai', 0, 'http://127.0.0.1:9123'],
    ['openai', 10, 'https://api.openai.com'],
  ]);
  expect(providersOf(shipped({}))[0]?.baseUrl).toBe('http://127.0.0.1:8090');
});

test('every simulated model of the shipped config has a price', () => {
  const { models }: { models: Record<string, Record<string, unknown>> } = JSON.parse(
    readFileSync(join(packageRoot(), 'config/prices.source.json'), 'utf8'),
  );
  const table = { openai: models['openai'], anthropic: models['anthropic'], google: models['gemini'] };
  for (const { id, costBasis, models } of providersOf(shipped({})).slice(0, 3)) {
    for (const model of models)
      expect(table[costBasis as keyof typeof table], `${id}/${model}`).toHaveProperty([model]);
  }
});

test('the shipped config makes (loopback) an admin who may use every model and read the metrics', () => {
  expect(grantsOf(shipped({}))).toEqual([
    {
      id: 'grants[0]',
      src: ['(loopback)'],
      capabilities: [{ role: 'admin' }, { models: '**' }, { read_metrics: true }],
      custom: {},
    },
  ]);
});
