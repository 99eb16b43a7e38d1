import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { uuid7 } from '../../src/lib/uuid7.ts';
import { bury } from '../../src/store/dead-letters.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startReverseProxy } from '../support/reverse-proxy.ts';
import { until } from '../support/until.ts';
import { MODELS, newTag, startFlow } from '../flow/support.ts';
import type { Flow } from '../flow/support.ts';

const LOGINS = {
  root: 'root@example.com',
  blind: 'blind@example.com',
  alice: 'alice@example.com',
  bob: 'bob@example.com',
};
type Who = keyof typeof LOGINS;

const CAPABILITY = 'tailscale.com/cap/aperture';
const grant = (src: string[], ...capabilities: unknown[]) => ({ src, app: { [CAPABILITY]: capabilities } });
const GRANTS = [
  grant([LOGINS.root], { role: 'admin' }, { models: '**' }, { read_metrics: true }),
  grant([LOGINS.blind], { role: 'admin', read_audit: false }),
  grant([LOGINS.alice], { role: 'user' }, { models: '**', quotas: [{ bucket: 'pocket:<user>' }] }),
  grant([LOGINS.bob], { role: 'user' }, { models: '**' }),
];
const QUOTAS = { 'pocket:<user>': { capacity: '$5.00', rate: '$1.00/day' } };

let postgres: TestPostgres;
let pool: Pool;
let flow: Flow;
let proxy: Server;
let env: Record<string, string>;

beforeAll(async () => {
  postgres = await startTestPostgres('audit-flow');
  const database = await postgres.migrated();
  pool = database.pool;
  const keyFile = join(temporaryFolder(), 'secret-key');
  writeFileSync(keyFile, '6b'.repeat(32), { mode: 0o600 });
  env = { DATABASE_URL: databaseUrl(database.address), APERTURE_SECRET_KEY_FILE: keyFile, APERTURE_LOG_LEVEL: 'info' };
  flow = await startFlow({
    env,
    grants: GRANTS,
    server: {
      listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers', 'token'] }],
      trusted_proxies: ['127.0.0.1'],
    },
    headers: { 'tailscale-user-login': LOGINS.root },
  });
  const at = { host: '127.0.0.1', port: 0 };
  const to = { host: '127.0.0.1', port: Number(new URL(flow.gateway.url).port) };
  proxy = await startReverseProxy({ at, to, logins: { '127.0.0.1': LOGINS.root }, forwardedFor: false });
});
afterAll(async () => {
  proxy.close();
  await stop();
  await postgres.stop();
});

let stopped: Promise<void> | undefined;
function stop(): Promise<void> {
  return (stopped ??= flow.close());
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(who: Who, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(flow.gateway.url + path, {
    method,
    headers: { 'content-type': 'application/json', 'tailscale-user-login': LOGINS[who] },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : { text }) as Answer['body'] };
}

interface Entry {
  number: number;
  by_login: string;
  action: string;
  target: string;
  details: Record<string, unknown>;
}

async function log(): Promise<Entry[]> {
  const { rows } = await pool.query<Entry>(
    'SELECT number::int, by_login, action, target, details::json AS details FROM aperture.audit ORDER BY number',
  );
  return rows;
}

/** What an action leaves in the log. */
async function leftBy(act: () => Promise<unknown>): Promise<Entry[]> {
  const { length } = await log();
  await act();
  return (await log()).slice(length);
}

/** Exactly one entry, by root. */
function one(action: string, target: unknown, details: Record<string, unknown> = {}): unknown {
  return [
    expect.objectContaining({
      by_login: LOGINS.root,
      action,
      target,
      details: expect.objectContaining(details) as unknown,
    }),
  ];
}

async function askAs(who: Who, more: { model?: string; stream?: boolean; content?: string } = {}) {
  const { model = MODELS.openai, stream = false, content = 'Say hello' } = more;
  const body = JSON.stringify({ model, stream, messages: [{ role: 'user', content }] });
  const tag = newTag();
  const response = await fetch(`${flow.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'tailscale-user-login': LOGINS[who], 'x-sim': `tag=${tag}` },
    body,
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.status).toBe(200);
  const id = response.headers.get('x-aperture-request-id') ?? '';
  await until('its capture is there', async () => {
    const { rowCount } = await pool.query(
      'SELECT FROM aperture.captures JOIN aperture.records USING (id) WHERE id = $1',
      [id],
    );
    return rowCount === 1;
  });
  return { id, tag, sent: body, got: bytes };
}

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('an action of an admin leaves its entry, and no other', () => {
  test('the config that it began with was loaded by the gateway', async () => {
    expect(await log()).toEqual([
      expect.objectContaining({ number: 1, by_login: '(gateway)', action: 'config.loaded', target: '1' }),
    ]);
  });

  test('tokens, and the events that a SIEM is told', async () => {
    await pool.query(
      `INSERT INTO aperture.delivery_destinations (name, events)
       VALUES ('webhooks.test', '{config.changed,token.created,token.revoked,kill_switch}')`,
    );
    let id: unknown;
    const created = await leftBy(async () => {
      const answer = await call('root', 'POST', '/api/tokens', { name: 'ci', tags: ['tag:ci'] });
      expect(answer.status).toBe(201);
      ({ id } = answer.body);
      expect(JSON.stringify(await log())).not.toContain(String(answer.body['token']));
    });
    expect(created).toEqual(one('token.created', id, { name: 'ci', login: 'token:ci', tags: ['tag:ci'] }));
    const revoked = await leftBy(() => call('root', 'DELETE', `/api/tokens/${String(id)}`));
    expect(revoked).toEqual(one('token.revoked', id, { name: 'ci' }));
    expect(await leftBy(() => call('root', 'DELETE', `/api/tokens/${String(id)}`))).toEqual([]);
    expect(await told()).toEqual([
      {
        kind: 'token.created',
        data: expect.objectContaining({ token_id: id, name: 'ci', by: LOGINS.root }) as unknown,
      },
      {
        kind: 'token.revoked',
        data: expect.objectContaining({ token_id: id, name: 'ci', by: LOGINS.root }) as unknown,
      },
    ]);
  });

  test('the kill switch', async () => {
    const wish = { kind: 'login', value: 'eve@example.com', reason: 'left' };
    let id: unknown;
    const set = await leftBy(async () => ({ id } = (await call('root', 'POST', '/api/revocations', wish)).body));
    expect(set).toEqual(one('revocation.set', id, wish));
    const lifted = await leftBy(() => call('root', 'DELETE', `/api/revocations/${String(id)}`));
    expect(lifted).toEqual(one('revocation.lifted', id, wish));
    expect(await told()).toEqual([
      {
        kind: 'kill_switch',
        data: expect.objectContaining({ change: 'set', id, ...wish, by: LOGINS.root }) as unknown,
      },
      { kind: 'kill_switch', data: expect.objectContaining({ change: 'lifted', id, ...wish }) as unknown },
    ]);
  });

  test('legal holds', async () => {
    let id: unknown;
    const wish = { login: LOGINS.alice, reason: 'case 7' };
    const placed = await leftBy(async () => ({ id } = (await call('root', 'POST', '/api/holds', wish)).body));
    expect(placed).toEqual(one('hold.placed', id, wish));
    const released = await leftBy(() => call('root', 'DELETE', `/api/holds/${String(id)}`));
    expect(released).toEqual(one('hold.released', id, wish));
  });

  test('configs, with a checkpoint after each', async () => {
    const before = (await call('root', 'GET', '/api/config')).body;
    const config = JSON.stringify({ ...(JSON.parse(String(before['config'])) as object), quotas: QUOTAS });
    const save = { config, hash: before['hash'], note: 'pocket money' };
    let hash: unknown;
    const saved = await leftBy(async () => ({ hash } = (await call('root', 'PUT', '/api/config', save)).body));
    expect(saved).toEqual(one('config.saved', '2', { hash, previous_hash: before['hash'], note: 'pocket money' }));
    expect(await leftBy(() => call('root', 'PUT', '/api/config', save))).toEqual([]);
    const back = { number: 1, hash };
    const rolled = await leftBy(() => call('root', 'POST', '/api/config/rollback', back));
    expect(rolled).toEqual(one('config.rolled_back', '3', { hash: before['hash'], previous_hash: hash, back_to: 1 }));
    const again = await leftBy(() => call('root', 'POST', '/api/config/rollback', { number: 2, hash: before['hash'] }));
    expect(again).toEqual(one('config.rolled_back', '4', { back_to: 2 }));
    expect((await told()).map(({ kind, data }) => [kind, data['number'], data['by']])).toEqual(
      [2, 3, 4].map((number) => ['config.changed', number, LOGINS.root]),
    );
    const { length } = await log();
    await until('all of it is signed', async () => {
      const { rows } = await pool.query<{ signed: number }>(
        'SELECT max(number)::int AS signed FROM aperture.audit_checkpoints',
      );
      return rows[0]?.signed === length;
    });
    await until('that is a log line', () => flow.gateway.output().includes('"checkpoint":{"number":"'));
  });

  test('a refill', async () => {
    await askAs('alice');
    const bucket = `pocket:${LOGINS.alice}`;
    await until('she has a bucket', async () => {
      const { body } = await call('root', 'GET', '/api/quotas');
      return JSON.stringify(body).includes(bucket);
    });
    const refilled = await leftBy(async () => {
      expect(await call('root', 'POST', '/api/quotas/refill', { bucket, amount: '$2.00' })).toMatchObject({
        status: 200,
      });
    });
    expect(refilled).toEqual(one('quota.refilled', bucket, { nanodollars: '2000000000' }));
  });

  test('what an admin reads of what others said', async () => {
    const { id } = await askAs('alice', { content: 'a secret of hers' });
    const path = `/api/requests/${id}`;
    const whose = { login: LOGINS.alice };
    expect(await leftBy(() => call('root', 'GET', path))).toEqual(
      one('capture.read', id, { ...whose, what: ['headers'] }),
    );
    const body = `${path}/body?side=request`;
    expect(await leftBy(() => call('root', 'GET', body))).toEqual(
      one('capture.read', id, { ...whose, what: ['request'] }),
    );
    expect(await leftBy(() => call('alice', 'GET', body))).toEqual([]);
    expect(await leftBy(() => call('alice', 'GET', path))).toEqual([]);
    expect(await leftBy(() => call('bob', 'GET', body))).toEqual([]);
    expect(JSON.stringify(await log())).not.toContain('a secret of hers');
  });

  test('replays, dead letters and trials of rules', async () => {
    const delivery = uuid7(systemClock.nowMs());
    await pool.query(
      `INSERT INTO aperture.deliveries (id, destination, kind, payload, state, finished_at, expires_at)
       VALUES ($1, 'webhooks.gone', 'request.closed', '{}', 'delivered', now(), now())`,
      [delivery],
    );
    const replay = await leftBy(() => call('root', 'POST', '/api/deliveries/replay', { ids: [delivery] }));
    expect(replay).toEqual(one('deliveries.replayed', delivery, { replayed: 1 }));
    const none = { ids: [uuid7(systemClock.nowMs())] };
    expect(await leftBy(() => call('root', 'POST', '/api/deliveries/replay', none))).toEqual([]);

    await bury(pool, systemClock, { kind: 'job', subject: 'records', error: 'unreadable', body: { v: 9 } });
    const page = (await call('root', 'GET', '/api/dead-letters')).body as { items: { id: string }[] };
    const letter = page.items[0]?.id ?? '';
    const read = await leftBy(() => call('root', 'GET', `/api/dead-letters/${letter}`));
    expect(read).toEqual(one('capture.read', letter, { what: ['dead_letter'] }));
    const calls = [{ id: null, name: 'Read', arguments: '{"path":"a.ts"}', bytes: 15 }];
    const records = [
      { login: LOGINS.alice, tool_calls: calls },
      { login: LOGINS.alice, tool_calls: [] },
      { login: LOGINS.root, tool_calls: calls },
    ];
    for (const body of records) await bury(pool, systemClock, { kind: 'record', subject: null, error: 'x', body });
    const { items: buried } = (await call('root', 'GET', '/api/dead-letters?limit=3')).body as typeof page;
    const [own, toolless, asking] = buried.map((each) => each.id);
    const asked = await leftBy(() => call('root', 'GET', `/api/dead-letters/${asking}`));
    expect(asked).toEqual(one('capture.read', asking, { what: ['dead_letter', 'tool_calls'] }));
    for (const id of [own, toolless]) {
      expect(await leftBy(() => call('root', 'GET', `/api/dead-letters/${id}`))).toEqual([]);
    }
    const replayed = await leftBy(() => call('root', 'POST', `/api/dead-letters/replay?id=${letter}`));
    expect(replayed).toEqual(one('dead_letters.replayed', letter, { letters: 1 }));
    const removed = await leftBy(() => call('root', 'DELETE', `/api/dead-letters/${letter}`));
    expect(removed).toEqual(one('dead_letters.removed', letter, { kind: 'job' }));

    const trial = { builtin: { kind: 'words', action: 'block', words: ['heron'] }, text: 'mail carol@example.com' };
    const tried = await leftBy(() => call('root', 'POST', '/api/guardrails/test', trial));
    expect(tried.map(({ action }) => action)).toEqual(['guardrails.tested']);
    expect(JSON.stringify(tried)).not.toContain('carol');
  });

  test('what is refused leaves none', async () => {
    const { hash } = (await call('root', 'GET', '/api/config')).body;
    const refused: [Who, string, string, unknown, number][] = [
      ['alice', 'POST', '/api/tokens', { name: 'x' }, 403],
      ['root', 'POST', '/api/tokens', { name: '' }, 400],
      ['root', 'DELETE', '/api/tokens/nobody', undefined, 404],
      ['root', 'DELETE', '/api/revocations/nobody', undefined, 404],
      ['root', 'POST', '/api/revocations', { kind: 'login', value: LOGINS.root }, 400],
      ['root', 'PUT', '/api/config', { config: '{}', hash: 'another' }, 409],
      ['root', 'PUT', '/api/config', { config: '{ broken', hash }, 400],
      ['root', 'POST', '/api/config/rollback', { number: 99, hash }, 404],
      ['root', 'POST', '/api/quotas/refill', { bucket: 'nobody', amount: '$1' }, 404],
      ['alice', 'POST', '/api/quotas/refill', { bucket: 'nobody', amount: '$1' }, 403],
      ['root', 'POST', '/api/guardrails/test', { text: 'x', hook: 'nobody' }, 400],
      ['root', 'DELETE', '/api/holds/01a21165-a078-7000-a3fd-ace57e2122b2', undefined, 404],
      ['root', 'GET', '/api/requests/01a21165-a078-7000-a3fd-ace57e2122b2/body?side=request', undefined, 404],
    ];
    for (const [who, method, path, body, status] of refused) {
      const left = await leftBy(async () => {
        expect(await call(who, method, path, body), `${method} ${path}`).toMatchObject({ status });
      });
      expect(left, `${method} ${path}`).toEqual([]);
    }
  });
});

/** What waits for the destination, each told once. */
async function told(): Promise<{ kind: string; data: Record<string, unknown> }[]> {
  const { rows } = await pool.query<{ kind: string; data: Record<string, unknown> }>(
    `WITH taken AS (DELETE FROM aperture.deliveries WHERE destination = 'webhooks.test' RETURNING id, kind, payload)
     SELECT kind, payload::json AS data FROM taken ORDER BY id`,
  );
  return rows;
}

describe('GET /api/audit', () => {
  test('is for admins from whom it was not taken away', async () => {
    expect((await call('root', 'GET', '/api/audit')).status).toBe(200);
    for (const who of ['alice', 'blind'] as const) {
      expect(await call(who, 'GET', '/api/audit')).toMatchObject({ status: 403, body: { code: 'gateway_forbidden' } });
    }
    expect((await call('alice', 'GET', '/api/audit/key')).status).toBe(200);
  });

  test('pages and filters', async () => {
    const all = await log();
    const list = async (query: string) => {
      const { body } = await call('root', 'GET', `/api/audit?${query}`);
      return body as { items: { number: number; action: string; at: string }[]; next: string | null };
    };
    const seen: number[] = [];
    for (let before: string | null = '999999'; before !== null;) {
      const page: Awaited<ReturnType<typeof list>> = await list(`limit=4&before=${before}`);
      seen.push(...page.items.map(({ number }) => number));
      before = page.next;
    }
    expect(seen).toEqual(all.map(({ number }) => number).reverse());
    const of = (is: (entry: Entry) => boolean) =>
      all
        .filter(is)
        .map(({ number }) => number)
        .reverse();
    const numbers = async (query: string) => (await list(query)).items.map(({ number }) => number);
    expect(await numbers('action=config.rolled_back')).toEqual(of(({ action }) => action === 'config.rolled_back'));
    expect(await numbers('by=(gateway)')).toEqual(of(({ by_login }) => by_login === '(gateway)'));
    expect(await numbers('target=2')).toEqual(of(({ target }) => target === '2'));
    const third = (await list('before=4&limit=1')).items[0]?.at ?? '';
    expect((await numbers(`to=${third}`)).every((number) => number < 3)).toBe(true);
    expect(await numbers(`from=${third}`)).toContain(3);
    expect((await call('root', 'GET', '/api/audit?action=nothing')).status).toBe(400);
  });
});

/** The command, before the gateway as root sees it. */
function aperture(...args: string[]): Promise<{ code: number; out: string }> {
  const main = join(packageRoot(), 'dist', 'src', 'main.js');
  return new Promise((resolve) => {
    const all = {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      ...env,
      APERTURE_LOG_LEVEL: 'error',
    };
    execFile(process.execPath, [main, 'audit', ...args], { env: all }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), out: `${stdout}${stderr}` });
    });
  });
}

const url = () => ['--url', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`];

describe('receipts', () => {
  test('say what passed, and are for whoever may see the record', async () => {
    const { id, sent, got } = await askAs('alice');
    const answer = await call('alice', 'GET', `/api/requests/${id}/receipt`);
    expect(answer.status).toBe(200);
    const request = { sha256: sha256(sent), why: null };
    const response = { sha256: sha256(got), why: null };
    expect(answer.body).toMatchObject({
      request_id: id,
      login: LOGINS.alice,
      provider: 'openai',
      state: 'complete',
      request: { from_client: request, to_provider: request },
      response: { from_provider: response, to_client: response, kept: response },
      edits: [],
      headers: { taken_off: expect.arrayContaining(['host', 'tailscale-user-login']) as unknown },
    });
    expect((await call('bob', 'GET', `/api/requests/${id}/receipt`)).status).toBe(404);
    expect(await leftBy(() => call('root', 'GET', `/api/requests/${id}/receipt`))).toEqual([]);
  });

  test('tell edits, and do not claim to know bytes that were not kept', async () => {
    const { id, tag, sent, got } = await askAs('alice', { model: `openai/${MODELS.openai}`, stream: true });
    const { body } = await call('alice', 'GET', `/api/requests/${id}/receipt`);
    const { request, response, edits } = body as Record<string, Record<string, { sha256: unknown; why: unknown }>>;
    for (const edit of ['model_name', 'inject_usage', 'drop_usage_event'])
      expect(JSON.stringify(edits)).toContain(edit);
    const edited = { sha256: null, why: expect.stringContaining('edited') as unknown };
    expect(request?.['from_client']).toEqual(edited);
    expect(response?.['to_client']).toEqual(edited);
    // As the provider's own books have it.
    const book = await flow.ended(tag);
    expect([book.request_sha256, book.sha256]).not.toContain(sha256(sent));
    expect(book.sha256).not.toBe(sha256(got));
    expect(request?.['to_provider']).toEqual({ sha256: book.request_sha256, why: null });
    expect(response?.['from_provider']).toEqual({ sha256: book.sha256, why: null });
  });

  test('are verified by the command, and refused when anything in them is changed', async () => {
    const { id } = await askAs('alice');
    const shown = await aperture('receipt', id, ...url());
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.out).toContain(`Receipt of request ${id}`);
    const { out: json } = await aperture('receipt', id, '--json', ...url());
    const folder = temporaryFolder();
    const file = join(folder, 'receipt.json');
    writeFileSync(file, json);
    const key = join(folder, 'key.pem');
    writeFileSync(key, (await aperture('key', ...url())).out);
    const good = await aperture('receipt', '--verify', file, '--public-key', key, ...url());
    expect(good.out).toMatch(
      /holds +signature.*\nholds +captured request.*\nholds +captured response.*\nholds +record/,
    );
    expect(good.code).toBe(0);
    expect(json).toContain(LOGINS.alice);
    writeFileSync(file, json.replace(LOGINS.alice, LOGINS.bob));
    const bad = await aperture('receipt', '--verify', file, '--public-key', key);
    expect(bad).toMatchObject({ code: 2, out: expect.stringMatching(/WRONG +signature/) as unknown });
  });
});

describe('the command', () => {
  test('lists what the API has', async () => {
    const { code, out } = await aperture('list', '--action', 'hold.placed', ...url());
    expect(code).toBe(0);
    expect(out).toMatch(/number +at +by +action +target +details/);
    expect(out).toContain('reason=case 7');
  });

  test('a process that ends has signed all; verify says so, and finds what is altered', async () => {
    await stop();
    const all = await log();
    const good = await aperture('verify', '--json');
    expect(good.code, good.out).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({ ok: true, entries: all.length, signed_through: all.length });
    await pool.query('ALTER TABLE aperture.audit DISABLE TRIGGER only_added');
    await pool.query("UPDATE aperture.audit SET by_login = 'eve@example.com' WHERE number = 5");
    const bad = await aperture('verify');
    expect(bad.code).toBe(2);
    expect(bad.out).toContain('entry 5 was altered: its hash is not that of its columns');
    expect(bad.out).toContain('eve@example.com');
    const lines = (await aperture('export')).out.trim().split('\n');
    expect(lines).toHaveLength(all.length);
  });
});
