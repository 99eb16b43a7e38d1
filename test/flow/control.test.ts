import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { slowness } from '../support/machine.ts';
import { removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, errorOf, PROVIDER_KEY } from './support.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
});
afterAll(async () => {
  await simulator.close();
});

function configWith(models: string[], more: Record<string, unknown> = {}): string {
  const providers = { openai: { baseurl: simulator.url, apikey: PROVIDER_KEY, models } };
  return `// of a test\n${JSON.stringify({ providers, grants: [ADMIN_GRANT], ...more }, null, 2)}\n`;
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(url: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Record<string, unknown> };
}

/** Edits what holds now, as an admin does: read, change, save upon what was read. */
async function edit(url: string, change: (text: string) => string): Promise<Answer> {
  const { body } = await call(url, 'GET', '/api/config');
  return call(url, 'PUT', '/api/config', { config: change(String(body['config'])), hash: body['hash'] });
}

function ask(url: string, model: string, more: Record<string, unknown> = {}, sim = ''): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(sim === '' ? {} : { 'x-sim': sim }) },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }], ...more }),
  });
}

async function statusOf(url: string, model: string): Promise<number> {
  const response = await ask(url, model);
  await response.text();
  return response.status;
}

async function readiness(url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${await response.text()}`;
}

describe('one gateway with a file', () => {
  let gateway: TestGateway;
  let dataDir: string;

  beforeAll(async () => {
    dataDir = temporaryFolder();
    gateway = await startGateway({ dataDir, config: configWith(['m-0']) });
  });
  afterAll(async () => {
    await gateway.stop();
    removeDataDir(dataDir);
  });

  test('saves under live streams break none, and each holds for the next request', async () => {
    const streams = Array.from({ length: 20 }, (_, index) =>
      ask(gateway.url, 'm-0', { stream: true }, `events=30;pace=50ms;tag=s${index}`).then((response) =>
        response.text(),
      ),
    );
    await until('the streams run', () => simulator.books().entries.length >= 20);
    for (let save = 1; save <= 5; save += 1) {
      const saved = await edit(gateway.url, (text) => text.replace(/"m-\d+"/, `"m-${save}"`));
      expect(saved).toMatchObject({ status: 200, body: { success: true } });
      expect(await statusOf(gateway.url, `m-${save}`)).toBe(200);
      expect(await statusOf(gateway.url, `m-${save - 1}`)).toBe(404);
    }
    for (const text of await Promise.all(streams)) expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    const records = await gateway.records(25, '&state=complete');
    const streamed = records.filter(({ stream }) => stream);
    expect(streamed).toHaveLength(20);
    expect(new Set(records.map(({ config_version }) => config_version)).size).toBe(6);
    // The key that the simulator expects went along each time, although the text has a reference since the first save.
    expect([...new Set(simulator.books().entries.map(({ credential }) => credential))]).toEqual(['expected']);
    expect(readFileSync(join(dataDir, 'test-config.hujson'), 'utf8')).toContain('"keyid:p:openai:');
    expect(gateway.output()).not.toContain(PROVIDER_KEY);
  });

  test('a save from another site, or by a name of another, is refused', async () => {
    const { body } = await call(gateway.url, 'GET', '/api/config');
    const save = { config: body['config'], hash: body['hash'] };
    const cross = await call(gateway.url, 'PUT', '/api/config', save, { origin: 'https://foreign.example.com' });
    expect(cross).toMatchObject({ status: 403, body: { code: 'gateway_cross_site_refused' } });
    const validate = await call(gateway.url, 'POST', '/aperture/config:validate', save, {
      'sec-fetch-site': 'cross-site',
    });
    expect(validate.status).toBe(403);
  });

  test('SIGHUP reads the file again, a broken one changes nothing, and a user may not see the config', async () => {
    const file = join(dataDir, 'test-config.hujson');
    writeFileSync(file, '{ broken');
    process.kill(gateway.pid, 'SIGHUP');
    await until('it is told', () => gateway.output().includes('the config file has errors'));
    expect((await call(gateway.url, 'GET', '/api/config')).status).toBe(200);

    const users = { ...ADMIN_GRANT, app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } };
    writeFileSync(file, configWith(['m-9'], { grants: [users] }));
    process.kill(gateway.pid, 'SIGHUP');
    await until('it holds', async () => (await statusOf(gateway.url, 'm-9')) === 200);
    for (const [method, path] of [
      ['GET', '/api/config'],
      ['PUT', '/api/config'],
      ['GET', '/aperture/config'],
      ['POST', '/aperture/config:validate'],
      ['GET', '/api/config/versions'],
      ['GET', '/api/config/versions/1'],
      ['POST', '/api/config/rollback'],
    ] as const) {
      const answer = await call(gateway.url, method, path, method === 'GET' ? undefined : {});
      expect(answer, path).toMatchObject({ status: 403, body: { code: 'gateway_forbidden' } });
    }
  });
});

describe('two gateways on one database', () => {
  let postgres: TestPostgres;
  let env: Record<string, string>;
  let gateways: TestGateway[];
  let folders: string[];

  beforeAll(async () => {
    postgres = await startTestPostgres('control-flow');
    const address = await postgres.begun();
    if ('url' in address) throw new Error('the test server has a socket');
    const url = new URL(`postgres://${address.user}:${encodeURIComponent(address.password)}@localhost`);
    url.port = String(address.port);
    url.pathname = `/${address.database}`;
    url.searchParams.set('host', address.host);
    const keyFile = join(temporaryFolder(), 'secret-key');
    writeFileSync(keyFile, '5a'.repeat(32), { mode: 0o600 });
    env = { DATABASE_URL: url.href, APERTURE_SECRET_KEY_FILE: keyFile };
    folders = [temporaryFolder(), temporaryFolder()];
    gateways = [];
    for (const dataDir of folders) gateways.push(await startGateway({ dataDir, env, config: configWith(['m-0']) }));
  });
  afterAll(async () => {
    // Their records wait for the database: nothing to wait for here.
    for (const gateway of gateways) await gateway.kill();
    await postgres.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  function two(): [TestGateway, TestGateway] {
    const [one, other] = gateways;
    if (one === undefined || other === undefined) throw new Error('two gateways were started');
    return [one, other];
  }

  test('a save on one holds on the other within a second', async () => {
    const [one, other] = two();
    const saved = await edit(one.url, (text) => text.replace('"m-0"', '"m-1"'));
    expect(saved.status).toBe(200);
    await until('the other serves it', async () => (await statusOf(other.url, 'm-1')) === 200, 1_000 * slowness());
    expect((await call(other.url, 'GET', '/api/config')).body['hash']).toBe(saved.body['hash']);
  });

  test('with the database away they go on with what they know, say how old that is, and start from it', async () => {
    const [one, other] = two();
    const { hash } = (await call(one.url, 'GET', '/api/config')).body;
    // Nobody watches over the server any more, so that it stays away.
    expect(await postgres.embedded.stop()).toBe('left_running');
    const [pid] = readFileSync(join(postgres.embedded.home, 'data', 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
    expect(await statusOf(one.url, 'm-1')).toBe(200);
    await until('its age shows', async () => /control: last confirmed \d+ s ago/.test(await readiness(one.url)));
    expect(await readiness(one.url)).toMatch(/^200 ready\n/);
    expect((await call(one.url, 'GET', '/api/config')).body['hash']).toBe(hash);
    const save = await edit(one.url, (text) => text.replace('"m-1"', '"m-2"'));
    expect(save).toMatchObject({ status: 503, body: { code: 'gateway_store_unavailable' } });
    expect(await statusOf(one.url, 'm-1')).toBe(200);

    await other.kill();
    const again = await startGateway({ dataDir: folders[1] ?? '', env, config: configWith(['m-0']) });
    gateways[1] = again;
    expect(await statusOf(again.url, 'm-1')).toBe(200);
    expect(await statusOf(again.url, 'm-0')).toBe(404);
    expect(await readiness(again.url)).toContain('control: last confirmed');
  });

  test('a file that is deployed holds beside a database, and beyond server.control.max_age nobody is let in', async () => {
    const dataDir = temporaryFolder();
    const gateway = await startGateway({
      dataDir,
      env,
      config: configWith(['m-7'], { server: { control: { max_age: '2s' } } }),
      args: ['--config-readonly'],
    });
    // The database is away: what was read at the start grows old.
    await until('it is too old', async () => (await statusOf(gateway.url, 'm-7')) === 503);
    const openai = await ask(gateway.url, 'm-7');
    expect(errorOf('openai', await openai.text()).code).toBe('gateway_control_stale');
    const anthropic = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body: '{}' });
    expect(anthropic.status).toBe(503);
    expect(errorOf('anthropic', await anthropic.text()).code).toBe('gateway_control_stale');
    expect(await readiness(gateway.url)).toMatch(/^503 control: older than server.control.max_age/);
    await gateway.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
});
