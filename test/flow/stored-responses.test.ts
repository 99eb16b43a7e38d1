import OpenAI from 'openai';
import type { Response as OpenAiResponse, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { removeDataDir, startTestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { PROVIDER_KEY } from './support.ts';

const MODEL = 'gpt-5-mini';
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const CAROL = 'carol@example.com';
const DAVE = 'dave@example.com';
const ERIN = 'erin@example.com';
const ROOT = 'root@example.com';

/** Models as a grant has them; a user without a line is nobody. */
const MODELS: Record<string, string> = {
  [ALICE]: '**',
  [BOB]: '**',
  [CAROL]: '**',
  [DAVE]: `first/${MODEL}`,
  [ERIN]: '**',
  [ROOT]: '**',
};

/** A gateway behind a proxy that says who calls, before providers of ours. */
interface House {
  gateway: TestGateway;
  /** The official SDK, as one login. */
  as(login: string): OpenAI;
  /** A request as one login, as it is. */
  ask(login: string, method: string, path: string, more?: Asking): Promise<Response>;
  record(id: string): Promise<RecordRow>;
}

interface Asking {
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
}

let simulator: Simulator;
/** Serves the same model, with less preference. */
let second: Simulator;
beforeAll(async () => {
  const options = { host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY };
  [simulator, second] = await Promise.all([startSimulator(options), startSimulator(options)]);
});
afterAll(async () => {
  await Promise.all([simulator.close(), second.close()]);
});

async function startHouse(
  options: { dataDir?: string; env?: Record<string, string>; models?: Record<string, string> } = {},
): Promise<House> {
  const { models = MODELS, ...rest } = options;
  const provider = (baseurl: string, preference: number): Record<string, unknown> => ({
    baseurl,
    preference,
    apikey: PROVIDER_KEY,
    models: [MODEL, 'gpt-5'],
    compatibility: { openai_chat: true, openai_responses: true },
  });
  const gateway = await startGateway({
    ...rest,
    headers: { 'tailscale-user-login': ROOT },
    config: {
      providers: { first: provider(simulator.url, 10), second: provider(second.url, 0) },
      server: {
        trusted_proxies: ['127.0.0.1'],
        listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      },
      grants: Object.entries(models).map(([login, granted]) => ({
        src: [login],
        app: {
          'tailscale.com/cap/aperture': [
            { role: login === ROOT ? 'admin' : 'user' },
            { models: granted },
            { read_metrics: true },
          ],
        },
      })),
    },
  });
  return {
    gateway,
    as: (login) =>
      new OpenAI({
        baseURL: `${gateway.url}/v1`,
        apiKey: 'client-key',
        maxRetries: 0,
        defaultHeaders: { 'Tailscale-User-Login': login },
      }),
    ask: (login, method, path, { body, headers } = {}) =>
      fetch(gateway.url + path, {
        method,
        headers: { 'tailscale-user-login': login, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    record: (id) => gateway.record(`the record of ${id}`, (record) => record.id === id),
  };
}

let asked = 0;
/** A prompt of its own: equal ones have equal ids at the simulator. */
function prompt(): { model: string; input: string } {
  asked += 1;
  return { model: MODEL, input: `Question ${asked}` };
}

function background(client: OpenAI, sim: string, model = MODEL): Promise<OpenAiResponse> {
  return client.responses.create({ ...prompt(), model, background: true }, { headers: { 'x-sim': sim } });
}

async function refused(call: PromiseLike<unknown>): Promise<{ status: number; code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof OpenAI.APIError) {
      return { status: error.status ?? 0, code: error.code ?? '', message: error.message };
    }
    throw error;
  }
  throw new Error('it was not refused');
}

/** Tokens that the process has counted of one kind. */
async function tokens(house: House, kind: string): Promise<number> {
  const metrics = await (await house.ask(ROOT, 'GET', '/metrics')).text();
  const lines = metrics.matchAll(new RegExp(`^aperture_tokens_total\\{[^}]*kind="${kind}"\\} (\\d+)$`, 'gm'));
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe('one gateway', () => {
  const dataDir = temporaryFolder();
  let house: House;
  beforeAll(async () => {
    house = await startHouse({ dataDir });
  });
  afterAll(async () => {
    await house.gateway.stop();
    removeDataDir(dataDir);
  });

  test('a background response is polled at once until it is done, and its usage is counted once', async () => {
    const client = house.as(ALICE);
    const before = await tokens(house, 'output');
    const made = await background(client, 'polls=2;input=7;output=11');
    expect(made.status).toBe('queued');
    const statuses: (string | undefined)[] = [];
    for (let poll = 0; poll < 4; poll += 1) statuses.push((await client.responses.retrieve(made.id)).status);
    expect(statuses).toEqual(['in_progress', 'in_progress', 'completed', 'completed']);
    expect(simulator.books().totals.usage).toMatchObject({ input_uncached: 7, output: 11 });

    const polls = await until('all polls are recorded', async () => {
      const found = (await house.gateway.records(0)).filter(({ path }) => path === `/v1/responses/${made.id}`);
      return found.length === 4 && found;
    });
    for (const poll of polls) {
      expect(poll).toMatchObject({
        api: 'openai_responses_stored',
        method: 'GET',
        state: 'complete',
        login: ALICE,
        provider: 'first',
        model: MODEL,
        usage: null,
        usage_state: 'absent',
        cost_nanodollars: null,
        usage_flags: [],
        response_id: null,
        session_base: made.id,
        stream: false,
      });
    }
    expect(await tokens(house, 'output')).toBe(before + 11);
  });

  test('polled, asked for as a stream from several places, and cancelled too late: booked once, on its maker', async () => {
    const client = house.as(ERIN);
    const made = await background(client, 'polls=1;input=7;output=11;events=6');
    for (let poll = 0; poll < 3; poll += 1) await client.responses.retrieve(made.id);
    for (const starting_after of [1, 4]) {
      const stream = await client.responses.retrieve(made.id, { stream: true, starting_after });
      let last = '';
      for await (const event of stream) last = event.type;
      expect(last).toBe('response.completed');
    }
    await client.responses.cancel(made.id).catch(() => undefined);
    const records = await until('all are recorded', async () => {
      const found = await house.gateway.records(0, `&login=${ERIN}`);
      return found.length === 7 && found;
    });
    const [maker, ...others] = records.filter(({ usage }) => usage !== null);
    expect(others).toEqual([]);
    expect(maker).toMatchObject({
      path: '/v1/responses',
      usage: { input_uncached: 7, output: 11 },
      usage_state: 'final',
    });
    expect(await house.gateway.json(`/api/usage?group=login&login=${ERIN}`)).toMatchObject({
      total: { requests: 7, usage: { input_uncached: 7, output: 11 }, cost_nanodollars: maker?.cost_nanodollars },
    });
  });

  test('a response is cancelled, listed and deleted by its id', async () => {
    const client = house.as(ALICE);
    const made = await background(client, 'polls=9');
    expect((await client.responses.cancel(made.id)).status).toBe('cancelled');
    expect((await client.responses.inputItems.list(made.id)).data).toEqual([]);
    await client.responses.delete(made.id);
    // The provider's own word: the id is known here.
    expect((await refused(client.responses.retrieve(made.id))).message).toContain(`'${made.id}' not found`);
    await until('all are recorded', async () => {
      const records = (await house.gateway.records(0)).filter(({ path }) => path.includes(made.id));
      return records.filter(({ api }) => api === 'openai_responses_side').length === 2 && records.length === 4;
    });
  });

  test('a stream is resumed where it was left, through either path', async () => {
    const client = house.as(ALICE);
    const made = await background(client, 'events=6');
    const events: ResponseStreamEvent[] = [];
    const stream = await client.responses.retrieve(made.id, { stream: true, starting_after: 4 });
    for await (const event of stream) events.push(event);
    expect(events[0]?.sequence_number).toBe(5);
    expect(events.at(-1)?.type).toBe('response.completed');
    const codex = await house.ask(ALICE, 'GET', `/codex/responses/${made.id}?stream=true`);
    expect(await codex.text()).toContain('"sequence_number":0');
    expect(await house.record(codex.headers.get('x-aperture-request-id') ?? '')).toMatchObject({
      api: 'openai_responses_stored',
      stream: true,
      state: 'complete',
      usage: null,
    });
  });

  test('a response is known to its maker while its stream still runs', async () => {
    const client = house.as(ALICE);
    const stream = await client.responses.create(
      { ...prompt(), background: true, stream: true },
      { headers: { 'x-sim': 'events=1000;pace=1s' } },
    );
    for await (const event of stream) {
      if (event.type !== 'response.created') continue;
      expect((await client.responses.cancel(event.response.id)).status).toBe('cancelled');
      break;
    }
  });

  test("another's response is not there: not to read, to cancel, to list or to delete, nor for an admin", async () => {
    const made = await background(house.as(ALICE), 'polls=9');
    const path = `/v1/responses/${made.id}`;
    const seenBefore = simulator.books().entries.length;
    const headers = { 'x-session-id': 's-bob' };
    const asIs = house.ask(BOB, 'GET', `${path}?stream=true`, { headers });
    const [unknown, ...answers] = await Promise.all([
      refused(house.as(BOB).responses.retrieve('resp_nobody')),
      refused(house.as(ALICE).responses.retrieve('resp_nobody')),
      refused(house.as(BOB).responses.retrieve(made.id)),
      refused(house.as(BOB).responses.retrieve(made.id, { stream: true })),
      refused(house.as(BOB).responses.cancel(made.id)),
      refused(house.as(BOB).responses.delete(made.id)),
      refused(house.as(BOB).responses.inputItems.list(made.id)),
      refused(house.as(ROOT).responses.retrieve(made.id)),
    ]);
    expect(unknown).toMatchObject({ status: 404, code: 'gateway_not_found' });
    for (const answer of answers) expect(answer).toEqual(unknown);
    const answer = await asIs;
    expect(answer.status).toBe(404);
    expect(simulator.books().entries.length, 'nothing of it reached the provider').toBe(seenBefore);
    expect(await house.record(answer.headers.get('x-aperture-request-id') ?? '')).toMatchObject({
      api: 'openai_responses_stored',
      state: 'denied',
      denied_by: 'gateway_not_found',
      login: BOB,
      provider: '',
      stream: true,
      session_base: 's-bob',
      attempts: [],
    });
    expect((await house.as(ALICE).responses.retrieve(made.id)).status).toBe('in_progress');
  });

  test('a conversation goes on only with responses of the caller, or with those that nobody here made', async () => {
    const first = await house.as(ALICE).responses.create(prompt());
    const next = { ...prompt(), previous_response_id: first.id };
    expect((await house.as(ALICE).responses.create(next)).previous_response_id).toBe(first.id);
    const foreign = await refused(house.as(BOB).responses.create({ ...prompt(), previous_response_id: first.id }));
    expect(foreign).toMatchObject({ status: 404, code: 'previous_response_not_found' });
    const elsewhere = await house.as(BOB).responses.create({ ...prompt(), previous_response_id: 'resp_elsewhere' });
    expect(elsewhere.previous_response_id).toBe('resp_elsewhere');
    // Another spelling of the member, which some servers would read.
    const spelt = await house.ask(BOB, 'POST', '/v1/responses', {
      body: { ...prompt(), Previous_Response_ID: first.id },
    });
    expect(spelt.status).toBe(404);
  });

  test('what is about a response goes to the provider that has it', async () => {
    const client = house.as(ALICE);
    const made = await background(client, 'polls=0;tag=held', `second/${MODEL}`);
    expect((await client.responses.retrieve(made.id)).status).toBe('completed');
    const next = await client.responses.create(
      { ...prompt(), previous_response_id: made.id },
      { headers: { 'x-sim': 'tag=next' } },
    );
    expect(next.previous_response_id).toBe(made.id);
    expect(second.books(0, 'next').entries).toHaveLength(1);
    expect(simulator.books(0, 'next').entries).toEqual([]);
  });

  test('a model in a tool is judged like any other, and the refusal is recorded as what was asked', async () => {
    const asking = (model: string): Promise<Response> =>
      house.ask(DAVE, 'POST', '/v1/responses', {
        body: { ...prompt(), stream: true, tools: [{ type: 'image_generation', model }] },
        headers: { 'x-session-id': 's-dave' },
      });
    for (const model of [MODEL, `first/${MODEL}`]) {
      const granted = await asking(model);
      expect(granted.status).toBe(200);
      await granted.text();
    }
    for (const model of ['gpt-5', 'first/gpt-5', `second/${MODEL}`]) {
      const denied = await asking(model);
      expect(denied.status).toBe(404);
      expect(await house.record(denied.headers.get('x-aperture-request-id') ?? '')).toMatchObject({
        state: 'denied',
        denied_by: 'gateway_model_unknown',
        model: MODEL,
        stream: true,
        session_base: 's-dave',
      });
    }
  });

  test("after a kill and a restart, a response is still its maker's alone, and needs the grant", async () => {
    const [made, left] = await Promise.all([
      background(house.as(ALICE), 'polls=0'),
      background(house.as(CAROL), 'polls=0'),
    ]);
    await house.gateway.kill();
    house = await startHouse({ dataDir, models: { ...MODELS, [CAROL]: '*/gpt-5' } });
    // The database of a killed gateway takes its time, and so does what it left in its journal: the answer is then to come
    // again.
    const alice = await until('the database answers', () =>
      house
        .as(ALICE)
        .responses.retrieve(made.id)
        .catch((error: unknown) => {
          if (error instanceof OpenAI.APIError && error.status === 503) return undefined;
          throw error;
        }),
    );
    expect(alice.status).toBe('completed');
    const bob = await until('the database answers', async () => {
      const answer = await refused(house.as(BOB).responses.retrieve(made.id));
      return answer.status !== 503 && answer;
    });
    expect(bob.code).toBe('gateway_not_found');
    expect(await refused(house.as(CAROL).responses.retrieve(left.id))).toMatchObject({
      status: 404,
      code: 'gateway_model_unknown',
    });
    const tools = [{ type: 'image_generation' as const, model: MODEL }];
    const body = { model: 'gpt-5', input: 'x', tools };
    expect(await refused(house.as(CAROL).responses.create(body))).toMatchObject({ code: 'gateway_model_unknown' });
  });
});

test('with the database away, only what is remembered is answered; the rest is asked to come again', async () => {
  const postgres = await startTestPostgres('stored');
  const address = await postgres.begun();
  if ('url' in address) throw new Error('the embedded server has a socket');
  const { host, port, user, password, database } = address;
  const url = `postgresql://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
  const house = await startHouse({ env: { DATABASE_URL: url } });
  try {
    const made = await background(house.as(ALICE), 'polls=0');
    expect((await house.as(ALICE).responses.retrieve(made.id)).status).toBe('completed');
    await postgres.kill();
    expect((await house.as(ALICE).responses.retrieve(made.id)).status).toBe('completed');
    for (const login of [ALICE, BOB]) {
      const away = await house.ask(login, 'GET', login === ALICE ? '/v1/responses/resp_x' : `/v1/responses/${made.id}`);
      expect(away.status).toBe(503);
      expect(away.headers.get('retry-after')).toBe('1');
      expect(await away.json()).toMatchObject({ error: { code: 'gateway_store_unavailable' } });
    }
    const api = await house.ask(ROOT, 'GET', '/api/requests');
    expect([api.status, api.headers.get('retry-after')]).toEqual([503, '1']);
    expect(api.headers.get('cache-control')).toBe('no-store');
  } finally {
    // A drain would wait for the database.
    await house.gateway.kill();
    await house.gateway.stop();
    await postgres.stop();
  }
});
