import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { slowness } from '../support/machine.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { aConfig, ALICE, errorsOf, keyed, ready, startControl } from './support.ts';
import type { TestControl, TestControlOptions } from './support.ts';

const MARK = 'CaNaRy';
const KEY = `sk-ant-api03-${MARK}-0123456789abcdef`;

let postgres: TestPostgres;
let address: DatabaseAddress;
let pool: Pool;
const open: TestControl[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('control-thread');
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  ({ address, pool } = await postgres.migrated());
});
afterEach(async () => {
  for (const control of open.splice(0)) {
    await control.close();
    rmSync(control.dataDir, { recursive: true, force: true });
  }
});

function start(options: TestControlOptions = {}): TestControl {
  const control = startControl({ database: address, text: aConfig(), ...options });
  open.push(control);
  return control;
}

function started(options: TestControlOptions = {}): Promise<TestControl> {
  return ready(start(options));
}

describe('saving', () => {
  test('a save is read back byte for byte, with its comments, and the running config follows', async () => {
    const control = await started();
    const text = `// mine\r\n${aConfig({ auto_cost_basis: false })} // end\n\n`;
    const saved = await control.save(text, { note: 'no prices' });
    expect(saved).toMatchObject({ status: 200, body: { success: true, needs_restart: [] } });
    expect(control.running().config.auto_cost_basis).toBe(false);
    for (const path of ['/api/config', '/aperture/config']) {
      const { body } = await control.ask('GET', path);
      expect(body).toMatchObject({ config: text, hash: saved.body['hash'] });
      expect(body['exists']).toBe(path === '/api/config' ? true : undefined);
      expect(body).toMatchObject(path === '/api/config' ? { number: 2, read_only: false } : {});
    }
    const { body } = await control.ask('GET', '/api/config/versions');
    expect(body).toMatchObject({
      items: [
        { number: 2, author: 'alice@example.com', note: 'no prices' },
        { number: 1, author: 'file' },
      ],
      next: null,
    });
  });

  test('two admins edit at once: one holds, the other gets 409 with the hash, and nothing is lost', async () => {
    const [one, two] = [await started(), await started()];
    const { body } = await one.ask('GET', '/api/config');
    const texts = [aConfig({ flags: { one: { value: true } } }), aConfig({ flags: { two: { value: true } } })];
    const answers = await Promise.all([
      one.ask('PUT', '/api/config', { config: texts[0], hash: body['hash'] }),
      two.ask('PUT', '/aperture/config', { config: texts[1], hash: body['hash'] }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const [winner, loser] = answers[0].status === 200 ? [0, 1] : [1, 0];
    expect(answers[loser]?.body).toMatchObject({ success: false, hash: answers[winner]?.body['hash'] });
    const now = await one.ask('GET', '/api/config');
    expect(now.body['config']).toBe(texts[winner]);
  });

  test('failure mode 37: a save with an old hash changes nothing, and blanks no key', async () => {
    const control = await started({ text: keyed(KEY) });
    const { body: old } = await control.ask('GET', '/api/config');
    await control.save(String(old['config']).replace('"m"', '"m2"'));
    const stale = await control.ask('PUT', '/api/config', { config: aConfig(), hash: old['hash'] });
    expect(stale.status).toBe(409);
    expect(control.running().config.providers['anthropic']).toMatchObject({ apikey: KEY, models: ['m2'] });
  });

  test('the same text again is no new version', async () => {
    const control = await started();
    await control.save(aConfig());
    const { body } = await control.ask('GET', '/api/config/versions');
    expect(body['items']).toHaveLength(1);
  });

  test('a good text is said to be valid, with our remarks beside it, and not saved', async () => {
    const control = await started();
    const text = aConfig({ quotas: { q: { capacity: '$1.00' } } });
    const { body } = await control.ask('POST', '/aperture/config:validate', { config: text });
    expect(body).toMatchObject({ Valid: true, errors: [] });
    expect(JSON.stringify(body['warnings'])).toContain('quotas');
    expect((await control.ask('GET', '/api/config')).body['config']).toBe(aConfig());
  });

  test('failure mode 50: what can never apply is refused, and what this build does not act on is told', async () => {
    const control = await started();
    const never = await control.save(
      aConfig({
        grants: [
          {
            src: ['(loopback)'],
            app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: 'antropic/**' }] },
          },
        ],
      }),
    );
    expect(errorsOf(never.body)[0]?.message).toContain('does not match any declared provider');
    const idle = await control.save(aConfig({ database: { retention: { require_export: true } } }));
    expect(JSON.stringify(idle.body['warnings'])).toContain('no exporters.s3.bucket_name is set');
    const later = await control.save(aConfig({ server: { journal: { fsync: 'always' }, inspectors: 3 } }));
    expect(later.body['needs_restart']).toEqual(['server.inspectors', 'server.journal']);
    const unserved = await control.save(aConfig({ server: { processes: 4 } }));
    expect(errorsOf(unserved.body)[0]?.message).toBe('this build does not serve server.processes above 1');
  });

  test('nobody can lock themselves out, by grants or by identity', async () => {
    const control = await started();
    const admins = (src: string[]): string =>
      aConfig({ grants: [{ src, app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } }] });
    const locked = await control.save(admins(['bob@example.com']));
    expect(errorsOf(locked.body)[0]?.message).toContain('would take role:admin from you (alice@example.com)');
    // By a group of theirs they stay admin.
    expect((await control.save(admins(['group:eng']))).status).toBe(200);
    const unknown = await control.save(
      aConfig({
        server: { listen: [{ address: ':8080', identity: ['proxy_headers'] }], trusted_proxies: ['10.0.0.1'] },
      }),
    );
    expect(errorsOf(unknown.body)[0]?.message).toContain('no listener of this config would know you');
  });

  test('what is sent must be JSON with a config and a hash', async () => {
    const control = await started();
    for (const body of [undefined, {}, { config: 5, hash: '' }, { config: aConfig() }]) {
      expect((await control.ask('PUT', '/api/config', body)).status).toBe(400);
    }
    expect((await control.ask('PUT', '/api/config', { config: aConfig(), hash: 'x' })).status).toBe(409);
    expect((await control.ask('DELETE', '/api/config')).status).toBe(405);
    expect((await control.ask('GET', '/api/config/nothing')).status).toBe(404);
    expect((await control.ask('GET', '/api/config/versions?limit=0')).status).toBe(400);
  });
});

describe('versions', () => {
  test('each has its diff, and an old one comes back as a new one', async () => {
    const control = await started();
    const text = `{ // mine\n  "auto_cost_basis": false,\n${aConfig().slice(1)}`;
    await control.save(text);
    const { body: second } = await control.ask('GET', '/api/config/versions/2');
    expect(second).toMatchObject({ number: 2, previous: 1, config: text });
    expect(second['diff']).toContain('+  "auto_cost_basis": false,\n');
    expect((await control.ask('GET', '/api/config/versions/1')).body).toMatchObject({ previous: null, diff: null });
    expect((await control.ask('GET', '/api/config/versions/9')).status).toBe(404);

    const { body: now } = await control.ask('GET', '/api/config');
    const stale = await control.ask('POST', '/api/config/rollback', { number: 1, hash: 'old' });
    expect(stale.status).toBe(409);
    const back = await control.ask('POST', '/api/config/rollback', { number: 1, hash: now['hash'] });
    expect(back).toMatchObject({ status: 200, body: { number: 3 } });
    expect((await control.ask('GET', '/api/config')).body['config']).toBe(aConfig());
    const forth = await control.ask('POST', '/api/config/rollback', { to: now['hash'], hash: back.body['hash'] });
    expect(forth).toMatchObject({ status: 200, body: { number: 4, hash: now['hash'] } });
    const page = await control.ask('GET', '/api/config/versions?limit=2');
    expect(page.body).toMatchObject({ items: [{ number: 4 }, { number: 3, note: 'back to version 1' }], next: 3 });
    expect((await control.ask('GET', '/api/config/versions?before=3')).body['items']).toHaveLength(2);
  });

  test('a way back that would lock out who takes it is refused', async () => {
    const control = await started();
    const admins = { src: ['group:eng'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } };
    const { body } = await control.save(aConfig({ grants: [admins] }));
    const remote = { ...ALICE, source: 'tailscale' as const };
    const asked = { number: 1, hash: body['hash'] };
    const back = await control.ask('POST', '/api/config/rollback', asked, remote);
    expect(errorsOf(back.body)[0]?.message).toContain('would take role:admin from you');
  });
});

describe('keys', () => {
  test('a key is replaced by a reference, kept when that is saved again, and rotated when a new one is', async () => {
    const control = await started();
    await control.save(keyed(KEY));
    const shown = String((await control.ask('GET', '/api/config')).body['config']);
    expect(shown).toMatch(/"apikey":"keyid:p:anthropic:sk-ant-a:[0-9a-f]{12}"/);
    await control.save(shown.replace('"m"', '"m2"'));
    expect(control.running().config.providers['anthropic']?.apikey).toBe(KEY);
    await control.save(keyed(`${KEY}2`));
    expect(control.running().config.providers['anthropic']?.apikey).toBe(`${KEY}2`);
    // The way back finds the old key again.
    const { body } = await control.ask('GET', '/api/config');
    await control.ask('POST', '/api/config/rollback', { number: 2, hash: body['hash'] });
    expect(control.running().config.providers['anthropic']?.apikey).toBe(KEY);
  });

  test('no key is in an answer, the tables, the snapshot, a line of the log or the snapshot on disk', async () => {
    const control = await started({ text: keyed(KEY) });
    const told: unknown[] = [
      await control.save(keyed(`${KEY}2`)),
      await control.save(keyed(`${KEY}3`, 'nonsense', { authorization: `${KEY}4` })),
      await control.save(keyed(`${KEY}5`) + ` // ${KEY}5`),
      await control.ask('POST', '/aperture/config:validate', { config: keyed(KEY) + KEY }),
      await control.ask('PUT', '/api/config', { config: [keyed(KEY)], hash: KEY }),
      await control.ask('GET', '/api/config'),
      await control.ask('GET', '/api/config/versions'),
      await control.ask('GET', '/api/config/versions/1'),
      await control.ask('GET', '/api/config/versions/2'),
    ];
    for (const table of ['config_versions', 'sealed_secrets']) {
      told.push((await pool.query(`SELECT * FROM aperture.${table}`)).rows);
    }
    told.push(
      control.lines,
      control.states.map(({ snapshot, rejected }) => [snapshot, rejected]),
    );
    told.push(readFileSync(join(control.dataDir, 'control-snapshot.json'), 'utf8'));
    expect(JSON.stringify(told)).not.toContain(MARK);
    expect(statSync(join(control.dataDir, 'control-snapshot.json')).mode & 0o777).toBe(0o600);
  });

  test('a key cannot be led to another origin by whoever may save', async () => {
    const control = await started();
    await control.save(keyed(KEY));
    const shown = String((await control.ask('GET', '/api/config')).body['config']);
    const stolen = await control.save(shown.replace('https://api.anthropic.com', 'https://evil.example'));
    expect(stolen.status).toBe(400);
    expect(errorsOf(stolen.body)).toMatchObject([
      { path: 'providers.anthropic.apikey', message: expect.stringContaining('write the key again') as string },
    ]);
    expect((await control.save(keyed('keyid:p:anthropic:sk-ant-a:000000000000'))).body['error']).toContain(
      'names no stored key',
    );
  });

  test('the addresses of our own stores are no macros', async () => {
    const control = await started({ env: {} });
    const saved = await control.save(keyed('${DATABASE_URL}'));
    expect(saved.body['error']).toContain('unsubstituted macros: [DATABASE_URL]');
  });
});

describe('several processes', () => {
  test('they converge within a second of a save, and of a token and a revocation', async () => {
    const [one, two] = [await started(), await started()];
    const withinMs = 1_000 * slowness();
    const saved = await one.save(aConfig({ auto_cost_basis: false }));
    await until('the other has it', () => two.state().snapshot.config.hash === saved.body['hash'], withinMs);
    expect(two.states.find((state) => state.loaded?.hash === saved.body['hash'])).toBeDefined();

    const created = await one.ask('POST', '/api/tokens', { name: 'ci', tags: ['tag:ci'] });
    expect(created.status).toBe(201);
    expect(JSON.stringify(one.states)).not.toContain(String(created.body['token']));
    await until('the other knows the token', () => two.state().snapshot.tokens.length === 1, withinMs);
    const revoked = await one.ask('POST', '/api/revocations', { kind: 'token', value: created.body['id'] });
    expect(revoked.status).toBe(201);
    await until('the other knows the revocation', () => two.state().snapshot.revocations.length === 1, withinMs);
    expect((await two.ask('DELETE', `/api/revocations/${String(revoked.body['id'])}`)).status).toBe(204);
    for (const each of [one, two])
      await until('it is lifted everywhere', () => each.state().snapshot.revocations.length === 0, withinMs);
    expect((await one.ask('DELETE', '/api/tokens/nobody')).status).toBe(404);
    // Each looks in its own time: one may have seen the revocation only together with its end.
    await until('they agree', () => one.state().snapshot.version === two.state().snapshot.version, withinMs);
  });

  test('the table holds, and a file that differs changes nothing', async () => {
    const one = await started();
    await one.save(aConfig({ auto_cost_basis: false }));
    const two = await started({ text: 'not even HuJSON' });
    expect(two.state().snapshot.config).toEqual(one.state().snapshot.config);
  });

  test('a config that this build cannot run keeps the running one, and can be mended from here', async () => {
    const control = await started();
    const bad = aConfig({ server: { processes: 4 } });
    await pool.query(
      `INSERT INTO aperture.config_versions (number, text, hash, author, note) VALUES (2, $1, 'h2', 'newer build', '')`,
      [bad],
    );
    await pool.query('UPDATE aperture.control SET version = version + 1');
    await until('it is told', () => control.state().rejected !== null, 1_500 * slowness());
    expect(control.state()).toMatchObject({
      loaded: null,
      rejected: { number: 2 },
      snapshot: { config: { number: 1 } },
    });
    expect(control.lines.join('\n')).toContain('this build cannot run the newest config');
    // A restart runs the last good one.
    const again = await started({ dataDir: control.dataDir, text: 'gone' });
    expect(again.state()).toMatchObject({ rejected: { number: 2 }, snapshot: { config: { number: 1 } } });

    expect((await control.ask('GET', '/api/config')).body).toMatchObject({ config: bad, hash: 'h2' });
    expect((await control.save(aConfig({ auto_cost_basis: false }))).status).toBe(200);
    expect(control.state().rejected).toBeNull();
  });

  test('gateways with different secret keys cannot run one another`s keys, and say so', async () => {
    await started({ text: keyed(KEY) });
    const other = start({ secretKey: new Uint8Array(32).fill(1) });
    await until('it says why', () => other.failures.length > 0, 10_000);
    expect(JSON.stringify(other.failures)).toContain('APERTURE_SECRET_KEY_FILE');
  });
});

describe('the file as the truth', () => {
  test('a start whose file differs makes a version, one whose file does not makes none', async () => {
    const first = await started({ truth: 'file', text: keyed(KEY) });
    await first.close();
    const second = await started({ truth: 'file', dataDir: first.dataDir, text: keyed(KEY) });
    expect((await second.ask('GET', '/api/config/versions')).body['items']).toHaveLength(1);
    await second.close();
    const third = await started({ truth: 'file', dataDir: first.dataDir, text: keyed(KEY, 'https://b.example') });
    await until('it is recorded', () => third.state().snapshot.config.number === 2);
    // The file itself is left alone.
    expect(readFileSync(third.file, 'utf8')).toBe(keyed(KEY, 'https://b.example'));
  });

  test('a save writes the file with its mode, and the next start runs it, with its keys', async () => {
    const control = await started({ truth: 'file' });
    chmodSync(control.file, 0o640);
    const saved = await control.save(`// mine\n${keyed(KEY)}`);
    expect(saved.status).toBe(200);
    const written = readFileSync(control.file, 'utf8');
    expect(written.startsWith('// mine\n')).toBe(true);
    expect(written).not.toContain(MARK);
    expect(statSync(control.file).mode & 0o777).toBe(0o640);
    await control.close();
    const again = startControl({ truth: 'file', dataDir: control.dataDir });
    open.push(again);
    await until('it runs', () => again.states.length > 0);
    expect(again.running().config.providers['anthropic']?.apikey).toBe(KEY);
  });

  test('keys of a file whose local copy is gone come from the store', async () => {
    const control = await started({ truth: 'file' });
    await control.save(keyed(KEY));
    await control.close();
    rmSync(join(control.dataDir, 'control-snapshot.json'));
    const again = startControl({ truth: 'file', dataDir: control.dataDir, database: address });
    open.push(again);
    await ready(again);
    expect(again.running().config.providers['anthropic']?.apikey).toBe(KEY);
  });

  test('an edit by hand holds after SIGHUP, a broken one changes nothing, and no save overwrites it', async () => {
    const control = await started({ truth: 'file' });
    writeFileSync(control.file, '{ broken');
    control.control.take({ kind: 'reload' });
    await until('it is told', () => control.lines.some((line) => line.includes('the config file has errors')));
    expect(control.state().snapshot.config.text).toBe(aConfig());
    const refused = await control.save(aConfig({ flags: {} }));
    expect(refused).toMatchObject({ status: 409, body: { code: 'gateway_config_unwritable' } });
    expect(readFileSync(control.file, 'utf8')).toBe('{ broken');

    writeFileSync(control.file, aConfig({ auto_cost_basis: false }));
    control.control.take({ kind: 'reload' });
    await until('it holds', () => control.state().snapshot.config.number === 2);
    expect((await control.ask('GET', '/api/config/versions')).body['items']).toMatchObject([
      { number: 2, author: 'file' },
      { number: 1 },
    ]);
  });

  test('deployed from a file, saves are refused', async () => {
    const control = await started({ truth: 'file', readonly: true });
    const saved = await control.save(aConfig({ flags: {} }));
    expect(saved).toMatchObject({ status: 403, body: { code: 'gateway_config_readonly' } });
    expect((await control.ask('GET', '/api/config')).body).toMatchObject({ read_only: true });
    expect((await control.ask('POST', '/aperture/config:validate', { config: aConfig() })).body['Valid']).toBe(true);
  });

  test('a broken file starts nothing, and says all that is wrong', async () => {
    const control = start({ truth: 'file', text: '{"server": {"processes": 4, "time_zone": "Mars"}}' });
    await until('it fails', () => control.failures.length > 0);
    expect(control.failures[0]?.problems.map(({ path }) => path)).toContain('server.time_zone');
  });
});
