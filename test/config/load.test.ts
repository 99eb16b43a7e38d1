import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import type { ConfigSource } from '../../config/load.ts';
import type { Problem } from '../../config/problem.ts';
import { packageRoot } from '../../src/lib/package-root.ts';

const ADMIN = `"grants": [{ "src": ["*"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }] } }]`;
const PROVIDER = `"providers": { "p": { "baseurl": "http://x", "models": ["m"] } }`;

function load(text: string, more: Partial<ConfigSource> = {}) {
  return loadConfig({ text, file: 'test.hujson', env: {}, ...more });
}

function problemsOf(text: string, more: Partial<ConfigSource> = {}): Problem[] {
  const loaded = load(text, more);
  return loaded.ok ? loaded.value.warnings : loaded.fault;
}

function messages(text: string, more: Partial<ConfigSource> = {}): string[] {
  return problemsOf(text, more).map(({ message }) => message);
}

/** A config that is good but for these members, given beside or in place of a provider and an admin. */
const withProvider = (fields: string) =>
  `{ "providers": { "p": { "baseurl": "http://x", "models": ["m"], ${fields} } }, ${ADMIN} }`;
const withCapability = (fields: string) =>
  `{ ${PROVIDER}, "grants": [{ "src": ["*"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }, { ${fields} }] } }] }`;
const withSection = (section: string) => `{ ${PROVIDER}, ${ADMIN}, ${section} }`;

test('a good config has no problems', () => {
  expect(problemsOf(`{ ${PROVIDER}, ${ADMIN} }`, { strict: true })).toEqual([]);
});

/** The table of aperture.md, section 2.10, as far as it is about a file: severity, path, message. */
const TABLE: [what: string, text: string, severity: string, path: string, message: string][] = [
  [
    'no providers or MCP servers',
    `{ ${ADMIN} }`,
    'warning',
    'providers',
    'no providers or mcp servers defined; users will not be able to access any models',
  ],
  [
    'no baseurl',
    `{ "providers": { "p": { "models": ["m"] } }, ${ADMIN} }`,
    'warning',
    'providers.p.baseurl',
    'provider p has no baseurl configured',
  ],
  [
    'bad authorization',
    withProvider('"authorization": "basic"'),
    'warning',
    'providers.p.authorization',
    'provider p has invalid authorization type: basic',
  ],
  [
    'unresolved variable',
    withProvider('"apikey": "${NOT_SET}"'),
    'error',
    'providers.p.apikey',
    'unsubstituted macros: [NOT_SET]',
  ],
  ['bad HuJSON', '{ "providers": }', 'error', '', 'hujson: value expected'],
  [
    'bad quota',
    withSection('"quotas": { "q": { "capacity": "10" } }'),
    'error',
    'quotas.q.capacity',
    'quota q: capacity "10" is not an amount such as "$1.50" (dollars, at most nine decimals)',
  ],
  [
    'duplicate key',
    withProvider('"name": "a", "name": "b"'),
    'warning',
    'providers.p.name',
    'duplicate config key "name"',
  ],
  ['unknown key', withProvider('"basurl": "http://y"'), 'warning', 'providers.p.basurl', 'unknown config key "basurl"'],
  ['unknown section', withSection('"hostname": "ai"'), 'warning', 'hostname', 'unknown config key "hostname"'],
  [
    'wrong type',
    withProvider('"preference": "high"'),
    'warning',
    'providers.p.preference',
    'cannot unmarshal string into a field of type number',
  ],
  [
    'provider add_headers',
    withProvider('"add_headers": ["X-Team"]'),
    'warning',
    'providers.p.add_headers[0]',
    'provider p: add_headers entry "X-Team" must be in "Header-Name: value" format',
  ],
  [
    'quota name template',
    withSection('"quotas": { "daily:<model>": { "capacity": "$1" } }'),
    'warning',
    'quotas["daily:<model>"]',
    'quota "daily:<model>": quota name "daily:<model>" has unsupported template "<model>" after colon',
  ],
  [
    'unknown grant field',
    withCapability('"modles": "**"'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].modles',
    'json: unknown field "modles"',
  ],
  [
    'models of an unknown provider',
    withCapability('"models": "opnai/**"'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].models',
    'models pattern "opnai/**" references provider "opnai" which does not match any declared provider',
  ],
  [
    'mcp_tools of an unknown server',
    withCapability('"mcp_tools": "notes/*"'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].mcp_tools',
    'mcp_tools pattern "notes/*" references server "notes" which does not match any declared MCP server',
  ],
  [
    'unknown hook',
    withCapability('"send_hooks": [{ "name": "oso", "events": ["pre_request"] }]'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].send_hooks[0].name',
    'send_hooks references undefined hook "oso"',
  ],
  [
    'unknown quota',
    withCapability('"quotas": [{ "bucket": "daily" }]'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].quotas[0].bucket',
    'quotas references undefined quota "daily"',
  ],
  [
    'bad bucket template',
    withCapability('"quotas": [{ "bucket": "daily:<team>" }]'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].quotas[0].bucket',
    'grants[0] grant 1 quotas[0]: bucket ref "daily:<team>" has unsupported template "<team>" after colon',
  ],
  [
    'grant add_headers',
    withCapability('"add_headers": ["bad"]'),
    'warning',
    'grants[0].app["tailscale.com/cap/aperture"][1].add_headers[0]',
    'add_headers entry "bad" must be in "Header-Name: value" format',
  ],
  ['hook without URL', withSection('"hooks": { "h": {} }'), 'warning', 'hooks.h.url', 'hook h has no url configured'],
  [
    'hook URL scheme',
    withSection('"hooks": { "h": { "url": "ftp://x/y" } }'),
    'warning',
    'hooks.h.url',
    'hook h has invalid URL scheme (must be http:// or https://): ftp://x/y',
  ],
  [
    'hook authorization',
    withSection('"hooks": { "h": { "url": "http://x", "authorization": "digest" } }'),
    'warning',
    'hooks.h.authorization',
    'hook h has invalid authorization type: digest',
  ],
  [
    'S3 prefix',
    withSection('"exporters": { "s3": { "prefix": "logs/" } }'),
    'warning',
    'exporters.s3.prefix',
    'exporters.s3.prefix must not end with a slash',
  ],
  [
    'no admin anywhere',
    `{ ${PROVIDER}, "grants": [] }`,
    'warning',
    'grants',
    'no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance',
  ],
  [
    'providers without grants',
    `{ ${PROVIDER} }`,
    'warning',
    'grants',
    'providers are configured but no grants or temp_grants defined; all access will be denied',
  ],
];

test.each(TABLE)('validation table: %s', (_what, text, severity, path, message) => {
  const loaded = load(text);
  const problems = loaded.ok ? loaded.value.warnings : loaded.fault;
  expect(problems).toContainEqual(expect.objectContaining({ severity, path, message, advisory: false }));
  expect(loaded.ok, 'warnings load, errors do not').toBe(severity === 'warning');
  // On save and in validation, all of these are errors.
  const strict = load(text, { strict: true });
  expect(strict.ok).toBe(false);
  if (!strict.ok) expect(strict.fault).toContainEqual(expect.objectContaining({ severity: 'error', message }));
});

test('an empty config cannot be saved', () => {
  expect(messages(' \n', { strict: true })).toEqual(['config must not be empty']);
  expect(load('').ok).toBe(false);
});

test('a limit of S3 exports above 10000 is cut silently', () => {
  const loaded = load(withSection('"exporters": { "s3": { "limit": 50000 } }'), { strict: true });
  expect(loaded.ok && loaded.value.config.exporters.s3.limit).toBe(10_000);
});

test('every problem comes at once, in the order of the file, each at its line and column', () => {
  const text = `{
  "providers": {
    "openai": {
      "baseurl": "https://api.openai.com",
      "apikey": "\${A}",
      "models": ["gpt-5", 5],
      "authorization": "digest",
    },
  },
  "server": {
    "listen": [{ "address": "8080" }],
    "timeouts": { "conect": "1s", "idle": "soon" },
  },
}`;
  const found = problemsOf(text)
    .filter(({ advisory }) => !advisory)
    .map(({ line, column, severity, path }) => `${line}:${column} ${severity} ${path}`);
  expect(found).toEqual([
    '1:1 warning grants',
    '1:1 warning grants',
    '5:17 error providers.openai.apikey',
    '6:27 warning providers.openai.models[1]',
    '7:24 warning providers.openai.authorization',
    '11:29 error server.listen[0].address',
    '12:19 error server.timeouts.conect',
    '12:43 error server.timeouts.idle',
  ]);
});

test('a document that is not an object is one error', () => {
  expect(problemsOf('[1]')).toEqual([
    {
      severity: 'error',
      path: '',
      line: 1,
      column: 1,
      message: 'cannot unmarshal array into a field of type object',
      advisory: false,
    },
  ]);
});

test('a wrong field takes its default and leaves the others', () => {
  const loaded = load(
    withProvider(
      '"preference": 1.5, "inject_usage": "no", "description": 7, "add_headers": "X: y", "auth_mode": "none"',
    ),
  );
  const provider = loaded.ok ? loaded.value.config.providers['p'] : undefined;
  expect(provider).toMatchObject({
    preference: 0,
    inject_usage: true,
    description: '',
    add_headers: [],
    auth_mode: 'none',
    models: ['m'],
  });
});

test('null counts as absent, without a remark', () => {
  const text = withProvider('"name": null, "compatibility": null, "model_cost_map": null, "disabled": null');
  expect(problemsOf(text, { strict: true })).toEqual([]);
});

test('a typing error opens nothing that was meant to be closed', () => {
  const loaded = load(`{
    "providers": { "p": { "baseurl": "http://x", "models": ["m"], "disabled": "true" } },
    "hooks": { "h": { "url": "http://x", "fail_policy": "failclosed" } },
    "grants": [{ "src": ["*"], "app": { "tailscale.com/cap/aperture": [
      { "role": "admin" },
      { "models": ["**"], "quotas": 7 },
      { "models": 7, "role": "user", "send_hooks": [{ "name": "h", "events": ["pre_request"] }] },
      { "models": "**", "quotas": "daily" },
      { "models": "**", "send_hooks": [{ "name": "h", "events": ["prerequest"] }] },
      "read_metrics",
    ] } }],
  }`);
  expect(loaded.ok).toBe(true);
  if (!loaded.ok) return;
  const { providers, hooks, grants } = loaded.value.config;
  expect(providers['p']?.disabled).toBe(true);
  expect(hooks['h']?.fail_policy).toBe('fail_closed');
  expect(grants[0]?.app['tailscale.com/cap/aperture']).toEqual([
    { role: 'admin' },
    { quotas: [{ bucket: '(unreadable)' }] },
    { send_hooks: [{ name: 'h', events: ['pre_request'], send: [] }] },
    { models: '**', quotas: [{ bucket: '(unreadable)' }] },
    { models: '**', send_hooks: [{ name: '(unreadable)', events: ['pre_request'], send: [] }] },
    {},
  ]);
});

test('remarks of ours reject nothing, not even on save', () => {
  const text = `{
    "providers": {
      "p": { "baseurl": "https://x/v1", "models": ["gpt-*"], "cost_basis": "acme", "upstream": {}, "add_headers": ["Host: y"] },
      "q": { "baseurl": "http://x", "compatibility": { "openai_chat": false } },
    },
    "connectors": { "servers": { "notes": { "protocol": "mcp", "url": "http://y/mcp" } } },
    "mcp": { "servers": { "s": { "url": "http://z" } } },
    "quotas": { "q": { "capacity": "$1" } },
    "temp_grants": [{ "src": ["a@example.com"], "grants": [{ "role": "admin" }] }],
    "chat_models": ["p/m"],
    "flags": { "chat_ui": { "value": true } },
  }`;
  const loaded = load(text, { strict: true });
  expect(loaded.ok).toBe(true);
  expect(messages(text)).toEqual([
    'provider p has no apikey configured',
    'provider p: baseurl should not end in /v1; a doubled /v1 is sent once',
    'provider p: models are exact names; "gpt-*" is one too',
    `provider p: no prices for "acme"; known are anthropic, openai, google, vertex, bedrock, bedrock-us, bedrock-eu, bedrock-ap, azure, azure-eu, openrouter, vercel`,
    '"upstream" does nothing in this version',
    'provider p: add_headers cannot set "host": the gateway sets it',
    'provider q lists no models',
    'provider q serves no API: every flag is off',
    'connectors are not served in this version',
    'MCP servers are not served in this version',
    'quota "q" charges nobody: no grant here names it',
    'temp_grants are deprecated: they are read as grants, write them so',
    'there are no chat pages in this version',
  ]);
});

test('failure mode 35: no message shows a key, wherever it was pasted', () => {
  const secret = 'sk-ant-api03-CANARY0123456789012345678901234567890';
  const text = `{
    "providers": { "p": {
      "baseurl": "https://user:${secret}@x?key=${secret}", "models": ["${secret}*"], "authorization": "${secret}",
      "auth_mode": "${secret}", "preference": "${secret}", "cost_basis": "${secret}",
      "add_headers": ["Authorization Bearer ${secret}", "${secret}", "X=${secret}"],
      "apikey": "\${KEY}", "name": "\${KEY}", "authorization": "\${KEY}", "compatibility": { "openai_chat": "\${KEY}" },
    } },
    "hooks": { "h": { "url": "ftp://a:${secret}@b?k=${secret}", "timeout": "${secret}", "authorization": "\${KEY}" } },
    "quotas": { "q": { "capacity": "${secret}" } },
    "server": { "time_zone": "${secret}", "listen": [{ "address": "${secret}" }], "trusted_proxies": ["\${KEY}"] },
  }`;
  const found = problemsOf(text, { env: { KEY: secret } });
  expect(found.length).toBeGreaterThan(10);
  expect(JSON.stringify(found)).not.toContain('CANARY');
});

test('macros come from the environment, and messages quote what is written', () => {
  const text = withProvider('"apikey": "${KEY}", "authorization": "${KIND}"');
  const loaded = load(text, { env: { KEY: 'sk-1', KIND: 'digest' } });
  expect(loaded.ok && loaded.value.config.providers['p']?.apikey).toBe('sk-1');
  expect(messages(text, { env: { KEY: 'sk-1', KIND: 'digest' } })).toEqual([
    'provider p has invalid authorization type: ${KIND}',
  ]);
});

test('a key that cannot sign, or for nowhere, is a remark that does not show it', () => {
  const signing = (fields: string) => messages(withProvider(`"authorization": "aws_sigv4", ${fields}`));
  const secret = 'CANARY/CANARY+CANARY';
  expect(signing(`"apikey": "AKIA0123456789ABCDEF:${secret}:", "aws_region": "us-east-1"`)).toEqual([]);
  expect(signing(`"apikey": "AKIA0123456789ABCDEF:${secret}"`)).toEqual([
    'provider p: its region is neither in its baseurl nor in its aws_region',
  ]);
  const unreadable = signing(`"apikey": "${secret}", "aws_region": "us-east-1"`);
  expect(unreadable).toEqual([expect.stringContaining('provider p: its apikey is neither')]);
  expect(unreadable.join()).not.toContain('CANARY');
  expect(signing('"aws_region": "Ireland"')).toEqual([expect.stringContaining('must be a region')]);
});

test('the config is frozen all the way down, and the hash is that of the text', () => {
  const text = `{ ${PROVIDER}, ${ADMIN} }`;
  const loaded = load(text);
  if (!loaded.ok) throw new Error('does not load');
  const { config, hash, file } = loaded.value;
  expect(Object.isFrozen(config.grants[0]?.app['tailscale.com/cap/aperture'])).toBe(true);
  expect(Object.isFrozen(config.server.limits)).toBe(true);
  expect(hash).toBe(createHash('sha256').update(text).digest('hex'));
  expect(file).toBe('test.hujson');
});

test('the defaults of server are those of the design', () => {
  const loaded = load(`{ ${PROVIDER}, ${ADMIN} }`);
  expect(loaded.ok && loaded.value.config.server).toMatchObject({
    listen: [{ address: { kind: 'tcp', host: '127.0.0.1', port: 8080 } }],
    socket: 'uws',
    processes: 1,
    limits: { body_bytes: 67_108_864, inflight_bytes: 536_870_912, headers: 65_536, concurrent: 10_000 },
    timeouts: { connect: 10_000, first_byte: 600_000, idle: 600_000, total: 3_600_000, body: 60_000 },
    journal: { mode: 'strict', fsync: 'interval', max_bytes: 4_294_967_296, when_full: 'refuse' },
    time_zone: 'UTC',
  });
});

test('retention tells a year from nothing', () => {
  const retention = (duration: string) => {
    const loaded = load(withSection(`"database": { "retention": { "duration": "${duration}" } }`));
    return loaded.ok ? [loaded.value.config.database.retention.duration, loaded.value.warnings.length] : 'refused';
  };
  expect(retention('')).toEqual([undefined, 0]);
  expect(retention('0')).toEqual([0, 0]);
  expect(retention('30d')).toEqual([2_592_000_000, 0]);
  // Blobs are purged by the day.
  expect(retention('23h')).toEqual([82_800_000, 1]);
  expect(retention('10m')).toEqual([undefined, 1]);
});

test.each([
  ['"limits": { "body_bytes": "2GiB" }', 'is not between 1KiB and 1GiB'],
  ['"limits": { "inflight_bytes": "1MiB" }', 'less than server.limits.body_bytes'],
  ['"limits": { "concurrent": 0 }', '0 is less than 1'],
  ['"timeouts": { "connect": "0s" }', 'is not between 10ms and 10m'],
  ['"journal": { "mode": "lax" }', '"lax" is not one of strict, behind'],
  ['"trusted_proxies": ["10.0.0.0/33"]', 'is not an IP address or CIDR range'],
  ['"trusted_proxies": ["proxy.local"]', 'is not an IP address or CIDR range'],
  ['"allowed_hosts": ["ai.example.com:80"]', 'is not a host name without a port'],
  ['"time_zone": "Mars/Phobos"', 'is not a time zone'],
  ['"sockets": "uws"', 'unknown config key "sockets"'],
  ['"listen": [{}]', 'is required'],
  ['"listen": [{ "address": "127.0.0.1:8080", "identity": [] }]', 'names nobody'],
  ['"listen": []', 'is empty: the gateway listens nowhere'],
])('a mistake in server, %s, is an error', (field, message) => {
  const loaded = load(withSection(`"server": { ${field} }`));
  expect(loaded.ok).toBe(false);
  if (!loaded.ok) expect(loaded.fault.map((problem) => problem.message).join('\n')).toContain(message);
});

test('the shipped config loads with no problem at all, with and without a simulator port and keys', () => {
  const file = 'config/aperture.hujson';
  const text = readFileSync(join(packageRoot(), file), 'utf8');
  for (const env of [{}, { APERTURE_SIMULATOR_PORT: '9123', OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2' }]) {
    expect(problemsOf(text, { file, env, strict: true })).toEqual([]);
  }
});

test('a config as its documentation shows them loads without a warning of Aperture', () => {
  const text = readFileSync(join(packageRoot(), 'test/config/documented.hujson'), 'utf8');
  const loaded = load(text, { strict: true });
  expect(loaded.ok ? [] : loaded.fault).toEqual([]);
  expect(loaded.ok && loaded.value.config.quotas['daily:<user>']).toEqual({
    capacity: 10_000_000_000n,
    rate: { nanodollars: 5_000_000_000n, perMs: 86_400_000 },
    on_exceed: 'reject',
    overdraft: [],
    reserve: 'balance',
    deny_status: 429,
    fail: 'closed',
  });
});

test('no value anywhere makes the loader throw', () => {
  const keys = ['providers', 'grants', 'quotas', 'hooks', 'server', 'listen', 'app', 'src', 'models', 'limits', 'mcp'];
  const key = fc.oneof(fc.constantFrom(...keys, 'tailscale.com/cap/aperture', '__proto__'), fc.string());
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom<unknown>(null, true, 1.5, '', '${X}', 'a/b:c'),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, tree), (value) => {
      const loaded = load(JSON.stringify(value));
      const problems = loaded.ok ? loaded.value.warnings : loaded.fault;
      for (const { line, column } of problems) expect(line * column).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});
