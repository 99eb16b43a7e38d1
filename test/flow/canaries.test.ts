import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { APIS, PATHS, PROVIDER_KEY, bodyOf, rawRequest, startFlow } from './support.ts';
import type { Api, Flow } from './support.ts';

/** In the middle of every secret of this test: a key cut or masked at either end still shows it. */
const MARK = 'CaNaRy7f3a9';
let secrets = 0;
function secret(prefix: string): string {
  secrets += 1;
  return `${prefix}${secrets}${MARK}${secrets}xyz`;
}

/** Every way in which a client of the APIs that we serve, or something on its way, says who it is. */
function credentialHeaders(): Record<string, string> {
  return {
    authorization: `Bearer ${secret('sk-ant-oat01-')}`,
    'proxy-authorization': `Basic ${secret('dXNlcjpw')}`,
    'x-api-key': secret('sk-ant-api03-'),
    'api-key': secret('azure'),
    'x-goog-api-key': secret('AIza'),
    cookie: `session=${secret('s')}; other=${secret('o')}`,
    'x-auth-token': secret('t'),
    'x-access-token': secret('t'),
    'x-amz-security-token': secret('IQoJ'),
    'cf-access-client-secret': secret('cf'),
    'cf-access-jwt-assertion': secret('eyJhbGciOiJIUzI1NiJ9.eyJ'),
    'ocp-apim-subscription-key': secret('ocp'),
    // Names that nobody listed.
    'x-litellm-api-key': secret('sk-'),
    'helicone-auth': `Bearer ${secret('sk-helicone-')}`,
    'x-corp-password': secret('p'),
    'x-whatever': secret('sk-proj-12345678'),
  };
}

function credentialQuery(): string {
  return `?key=${secret('AIza')}&access_token=${secret('ya29.')}&api_key=${secret('q')}&beta=true`;
}

let flow: Flow;
let dataDir: string;
/** What clients were told: heads and bodies. */
const told: string[] = [];

beforeAll(async () => {
  dataDir = temporaryFolder();
  flow = await startFlow({
    dataDir,
    env: {
      APERTURE_LOG_LEVEL: 'debug',
      CANARY_PROVIDER_KEY: secret('sk-env-'),
      OPENAI_API_KEY: secret('sk-env-'),
      ANTHROPIC_API_KEY: secret('sk-ant-env-'),
      AWS_SECRET_ACCESS_KEY: secret('"aws/'),
    },
    providers: {
      away: {
        baseurl: `http://127.0.0.1:${await freePort()}`,
        apikey: '${CANARY_PROVIDER_KEY}',
        add_headers: [`x-team-token: ${secret('team')}`],
        models: ['away-1'],
      },
    },
  });
});
afterAll(async () => {
  await flow.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function tell(response: Response): Promise<Response> {
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const body = await response.text().catch(() => 'broken off');
  told.push(`${response.url.replace(/\?.*/, '')} ${response.status}\n${head}\n${body}`);
  return response;
}

async function everyEnding(api: Api): Promise<number> {
  let accepted = 0;
  const ask = async (
    status: number,
    sim: string,
    stream = false,
    body: Record<string, unknown> = {},
  ): Promise<void> => {
    const response = await tell(
      await flow.ask(api, { sim, stream, body, headers: credentialHeaders(), query: credentialQuery() }),
    );
    expect(response.status, `${sim} ${JSON.stringify(body)}`).toBe(status);
    accepted += 1;
  };
  await ask(200, 'output=5');
  await ask(200, 'events=5', true);
  await ask(401, 'status=401');
  await ask(429, 'status=429');
  await ask(500, 'status=500');
  await ask(502, 'junk=100');
  await ask(502, 'cut_at=head');
  await ask(200, 'events=5;cut_after=2', true);
  await ask(404, '', false, { model: 'nobody-has-it' });
  await ask(400, '', false, { model: 5 });
  if (api === 'openai') await ask(502, '', false, { model: 'away-1' });
  return accepted;
}

/** Refused before they are accepted, so without a record. */
async function refusals(api: Api): Promise<void> {
  const { url } = flow.gateway;
  const path = PATHS[api] + credentialQuery();
  await tell(await fetch(url + path, { method: 'GET', headers: credentialHeaders() }));
  await tell(await fetch(`${url}/v1/nothing${credentialQuery()}`, { headers: credentialHeaders() }));
  await tell(await fetch(`${url}/api/nothing${credentialQuery()}`, { headers: credentialHeaders() }));
  for (const head of [{ host: 'foreign.example.com' }, { origin: 'https://foreign.example.com' }]) {
    const answer = await flow.raw(rawRequest(path, JSON.stringify(bodyOf(api)), { ...credentialHeaders(), ...head }));
    expect(answer.status).toBe(403);
    told.push(answer.text);
  }
}

async function captureOf(id: string): Promise<unknown> {
  return ((await flow.gateway.json(`/api/requests/${id}`)) as { capture: unknown }).capture;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Lines around the mark, for whoever has to find the leak. */
function leaks(text: string): string[] {
  return [...text.matchAll(new RegExp(`.{0,60}${MARK}.{0,20}`, 'g'))].map(([found]) => found);
}

test('failure modes 35, 36: no secret in logs, journal, captures, metrics, answers or errors; providers see their own key only', async () => {
  let accepted = 0;
  for (const api of APIS) {
    accepted += await everyEnding(api);
    await refusals(api);
  }
  const records = await flow.gateway.records(accepted);
  expect(records.length).toBe(accepted);

  for (const path of [
    '/metrics',
    '/api/requests?limit=1000',
    '/api/usage?group=model',
    '/api/whoami',
    '/readyz',
    '/v1/models',
  ]) {
    const response = await tell(await fetch(flow.gateway.url + path));
    expect(response.status, path).toBe(200);
  }
  for (const { id } of records) {
    await until(`${id} is captured`, async () => (await captureOf(id)) !== null);
    await tell(await fetch(`${flow.gateway.url}/api/requests/${id}`));
    for (const side of ['request', 'response']) {
      await tell(await fetch(`${flow.gateway.url}/api/requests/${id}/body?side=${side}`));
    }
  }
  const shown = told.filter((text) => text.includes('"request_headers"'));
  expect(shown.length, 'captured headers').toBe(accepted);
  expect(
    shown.every((text) => text.includes('x-corp-password')),
    'by their names',
  ).toBe(true);
  expect(told.flatMap(leaks), 'what clients were told').toEqual([]);
  expect(told.filter((text) => text.includes(PROVIDER_KEY))).toEqual([]);

  const { entries, totals } = flow.simulator.books();
  expect(
    entries.flatMap((entry) => Object.keys(entry.other_credentials)),
    'what providers saw',
  ).toEqual([]);
  expect(totals.requests).toBeGreaterThan(10);
  expect([...new Set(entries.map(({ credential }) => credential))]).toEqual(['expected']);

  // Stopped, so that all is on disk.
  await flow.gateway.stop();
  const output = flow.gateway.output();
  expect(leaks(output), 'the log').toEqual([]);
  expect(output).not.toContain(PROVIDER_KEY);
  // The config file is where the keys are from.
  const files = filesBelow(dataDir).filter((file) => !file.endsWith('test-config.hujson'));
  const readable = files.filter((file) => readFileSync(file).includes('Say hello'));
  expect(
    readable.some((file) => file.includes('journal')),
    'the journal has the prompts, to be read as text',
  ).toBe(true);
  const leaking = files.filter((file) => {
    const bytes = readFileSync(file);
    return bytes.includes(MARK) || bytes.includes(PROVIDER_KEY);
  });
  expect(leaking, 'files of the data folder').toEqual([]);
});
