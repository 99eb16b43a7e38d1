import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, startFlow } from './support.ts';
import type { Flow } from './support.ts';

/** What the config says of captures, in a gateway that runs on: each test saves another config. */
let dataDir: string;
let flow: Flow;

const FILTERABLE = {
  ...ADMIN_GRANT.app,
  'tailscale.com/cap/aperture': [{ filterable_headers: ['X-Team', 'X-Secret-Project', 'Authorization'] }],
};

beforeAll(async () => {
  dataDir = temporaryFolder();
  flow = await startFlow({
    dataDir,
    grants: [ADMIN_GRANT, { src: ['(loopback)'], app: FILTERABLE }],
  });
});
afterAll(async () => {
  await flow.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function world(): Promise<string> {
  const metrics = await (await fetch(`${flow.gateway.url}/metrics`)).text();
  return /^aperture_world (\d+)$/m.exec(metrics)?.[1] ?? '';
}

/** Saves a config with this `database` section, and waits until it holds. */
async function reload(database: Record<string, unknown>): Promise<void> {
  const file = join(dataDir, 'test-config.hujson');
  const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const before = await world();
  writeFileSync(file, JSON.stringify({ ...config, database }));
  process.kill(flow.gateway.pid, 'SIGHUP');
  await until('the new config holds', async () => (await world()) !== before);
}

/** The id of a request that was answered, and recorded. */
async function asked(headers: Record<string, string>): Promise<string> {
  const response = await flow.ask('openai', { headers });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
  const id = response.headers.get('x-aperture-request-id') ?? '';
  await flow.record(id);
  return id;
}

interface Captured {
  request: { left_out: string | null } | null;
}

async function captureOf(id: string): Promise<Captured> {
  return until(`${id} is captured`, async () => {
    const { capture } = (await flow.gateway.json(`/api/requests/${id}`)) as { capture: Captured | null };
    return capture ?? undefined;
  });
}

async function listed(header: string): Promise<string[]> {
  const path = `/api/requests?header=${encodeURIComponent(header)}`;
  const { items } = (await flow.gateway.json(path)) as { items: { id: string }[] };
  return items.map(({ id }) => id);
}

describe('the config says of captures, and changes while the gateway runs', () => {
  test('which headers logs can be filtered by, with their values or without', async () => {
    const before = await asked({ 'x-team': 'blue' });
    await captureOf(before);
    await reload({
      headers: {
        filterable: [{ name: 'X-Team' }, { name: 'x-secret-project', redact_values: true }, { name: 'x-sim' }],
      },
    });
    const both = await asked({ 'X-TEAM': 'blue', 'x-secret-project': 'falcon' });
    const other = await asked({ 'x-team': 'red' });
    await Promise.all([both, other].map(captureOf));
    expect(await listed('x-team:blue')).toEqual([both]);
    expect(await listed('X-team')).toEqual([other, both]);
    expect(await listed('x-secret-project')).toEqual([both]);
    expect(await listed('x-secret-project:falcon')).toEqual([]);
    // Indexed, and granted to nobody.
    const refused = await fetch(`${flow.gateway.url}/api/requests?header=x-sim`);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'gateway_forbidden' });
  });

  test('a credential is never in the index, whatever the config says of its values', async () => {
    await reload({ headers: { filterable: [{ name: 'authorization', redact_values: false }] } });
    const id = await asked({ authorization: 'Bearer sk-client-secret-0123456789' });
    await captureOf(id);
    expect(await listed('authorization')).toEqual([id]);
    expect(await listed('authorization:Bearer sk-client-secret-0123456789')).toEqual([]);
  });

  test('whether bodies that are not text are kept', async () => {
    const binary = { 'content-type': 'application/octet-stream' };
    await reload({});
    expect(await captureOf(await asked(binary))).toMatchObject({ request: { left_out: 'binary' } });
    await reload({ save_raws: true });
    expect(await captureOf(await asked(binary))).toMatchObject({ request: { left_out: null } });
  });

  test('whether anything is kept at all', async () => {
    await reload({ retention: { duration: '0' } });
    const without = await asked({});
    await reload({});
    await captureOf(await asked({}));
    // Orders are carried out one after another: it would be there before the one that came after it.
    expect(await flow.gateway.json(`/api/requests/${without}`)).toMatchObject({ id: without, capture: null });
  });
});
