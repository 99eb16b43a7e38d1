import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { aConfig, ADMINS, errorsOf, keyed, startControl } from './support.ts';
import type { TestControl } from './support.ts';

/** Without a database: what is refused never comes to one. */
let control: TestControl;

beforeAll(async () => {
  control = startControl({ truth: 'file', text: aConfig() });
  await until('it runs', () => control.states.length > 0);
});
afterAll(async () => {
  await control.close();
  rmSync(control.dataDir, { recursive: true, force: true });
});

// Each message of aperture.md, section 2.10, that the save of a text can have.
const one = (capability: unknown): Record<string, unknown> => ({
  grants: [ADMINS, { src: ['*'], app: { 'tailscale.com/cap/aperture': [capability] } }],
});
test.each<[string, string, string]>([
  ['', '', 'config must not be empty'],
  [' \n', '', 'config must not be empty'],
  [
    aConfig({ providers: {} }),
    'providers',
    'no providers or mcp servers defined; users will not be able to access any models',
  ],
  [aConfig({ providers: { p: { models: ['m'] } } }), 'providers.p.baseurl', 'provider p has no baseurl configured'],
  [
    keyed('k', 'https://a.example', { authorization: 'basic' }),
    'providers.anthropic.authorization',
    'provider anthropic has invalid authorization type: basic',
  ],
  [keyed('${NO_SUCH}'), 'providers.anthropic.apikey', 'unsubstituted macros: [NO_SUCH]'],
  ['{', '', 'hujson: close brace expected'],
  [aConfig({ quotas: { q: { capacity: 'ten' } } }), 'quotas.q.capacity', 'quota q: capacity'],
  ['{"flags": {}, "flags": {},' + aConfig().slice(1), 'flags', 'duplicate config key "flags"'],
  [keyed('k', 'https://a.example', { basurl: 'x' }), 'providers.anthropic.basurl', 'unknown config key "basurl"'],
  [keyed('k', 'https://a.example', { models: 'm' }), 'providers.anthropic.models', 'cannot unmarshal string'],
  [
    keyed('k', 'https://a.example', { add_headers: ['X-Team'] }),
    'providers.anthropic.add_headers[0]',
    'provider anthropic: add_headers entry "X-Team" must be in "Header-Name: value" format',
  ],
  [
    aConfig({ quotas: { 'q:<team>': { capacity: '$1.00' } } }),
    'quotas["q:<team>"]',
    'quota "q:<team>": quota name "q:<team>" has unsupported template "<team>" after colon',
  ],
  [aConfig(one({ modles: 'x' })), 'grants[1]', 'json: unknown field "modles"'],
  [
    aConfig(one({ models: 'nobody/**' })),
    'grants[1]',
    'models pattern "nobody/**" references provider "nobody" which does not match any declared provider',
  ],
  [
    aConfig(one({ mcp_tools: 'gh/*' })),
    'grants[1]',
    'mcp_tools pattern "gh/*" references server "gh" which does not match any declared MCP server',
  ],
  [
    aConfig(one({ send_hooks: [{ name: 'oso', events: ['pre_request'] }] })),
    'grants[1]',
    'send_hooks references undefined hook "oso"',
  ],
  [aConfig(one({ quotas: [{ bucket: 'q' }] })), 'grants[1]', 'quotas references undefined quota "q"'],
  [
    aConfig(one({ quotas: [{ bucket: 'q:<team>' }] })),
    'grants[1]',
    'grants[1] grant 0 quotas[0]: bucket ref "q:<team>" has unsupported template',
  ],
  [
    aConfig(one({ add_headers: ['X-Team'] })),
    'grants[1]',
    'add_headers entry "X-Team" must be in "Header-Name: value" format',
  ],
  [aConfig({ hooks: { h: {} } }), 'hooks.h.url', 'hook h has no url configured'],
  [
    aConfig({ hooks: { h: { url: 'ftp://x' } } }),
    'hooks.h.url',
    'hook h has invalid URL scheme (must be http:// or https://): ftp://x',
  ],
  [
    aConfig({ hooks: { h: { url: 'https://x', authorization: 'basic' } } }),
    'hooks.h.authorization',
    'hook h has invalid authorization type: basic',
  ],
  [
    aConfig({ exporters: { s3: { prefix: 'logs/' } } }),
    'exporters.s3.prefix',
    'exporters.s3.prefix must not end with a slash',
  ],
  [
    aConfig({ grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }] } }] }),
    'grants',
    'no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance',
  ],
  [
    aConfig({ grants: [] }),
    'grants',
    'providers are configured but no grants or temp_grants defined; all access will be denied',
  ],
])('a save of %s is refused at %s: %s', async (text, path, message) => {
  const before = await control.ask('GET', '/api/config');
  const told = control.states.length;
  const saved = await control.save(text);
  const checked = await control.ask('POST', '/aperture/config:validate', { config: text });
  expect(saved).toMatchObject({ status: 400, body: { success: false, code: 'gateway_config_refused' } });
  expect(checked).toMatchObject({ status: 200, body: { Valid: false } });
  for (const { body } of [saved, checked]) {
    const found = errorsOf(body).find((error) => error.message.startsWith(message));
    expect(found, JSON.stringify(body)).toBeDefined();
    expect(found?.path.startsWith(path)).toBe(true);
    expect(found?.line).toBeGreaterThan(0);
  }
  expect(await control.ask('GET', '/api/config')).toEqual(before);
  expect(control.states).toHaveLength(told);
});
