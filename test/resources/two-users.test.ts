import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NamedResource, ResourceKind } from '../../src/contract/resource.ts';
import { RESOURCE_ENDPOINTS } from '../../src/protocols/resources/endpoints.ts';
import type { ResourceEndpoint } from '../../src/protocols/resources/endpoints.ts';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { LARGE_BYTES, startKeeper } from './keeper.ts';
import type { Keeper } from './keeper.ts';

const KEY = 'sk-of-the-provider';
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const ROOT = 'root@example.com';
/** Under a quota, under a rule, without a model of the second provider. */
const QUENTIN = 'quentin@example.com';
const RUTH = 'ruth@example.com';
const NARROW = 'narrow@example.com';

let keeper: Keeper;
let second: Keeper;
let gateway: TestGateway;

beforeAll(async () => {
  [keeper, second] = await Promise.all([startKeeper(KEY), startKeeper(KEY)]);
  const compatibility = {
    openai_chat: true,
    openai_responses: true,
    anthropic_messages: true,
    gemini_generate_content: true,
  };
  const provider = (baseurl: string, models: string[]): object => ({ baseurl, apikey: KEY, models, compatibility });
  const grant = (login: string, models: string, more: object = {}): object => ({
    src: [login],
    app: {
      'tailscale.com/cap/aperture': [{ role: login === ROOT ? 'admin' : 'user' }, { models, ...more }],
    },
  });
  gateway = await startGateway({
    headers: { 'tailscale-user-login': ROOT },
    config: {
      providers: { first: provider(keeper.url, ['m-1', 'm-2']), second: provider(second.url, ['m-1', 'm-3']) },
      server: {
        trusted_proxies: ['127.0.0.1'],
        listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      },
      quotas: { daily: { capacity: '$1.00', rate: '$1.00/day' } },
      hooks: { words: { builtin: { kind: 'words', action: 'block', words: ['secret'] } } },
      grants: [
        grant(ALICE, '**'),
        grant(BOB, '**'),
        grant(ROOT, '**'),
        grant(NARROW, 'first/m-1'),
        grant(QUENTIN, '**', { quotas: [{ bucket: 'daily' }] }),
        grant(RUTH, '**', { send_hooks: [{ name: 'words', events: ['pre_request'], send: [] }] }),
      ],
    },
  });
}, 120_000);
afterAll(async () => {
  await gateway.stop();
  await Promise.all([keeper.close(), second.close()]);
});

interface Asking {
  body?: string | Buffer;
  headers?: Record<string, string>;
}

function ask(login: string, method: string, path: string, { body, headers = {} }: Asking = {}): Promise<Response> {
  return fetch(gateway.url + path, {
    method,
    headers: {
      'tailscale-user-login': login,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
}

const BOUNDARY = 'of-the-test';

function form(fields: Record<string, string>): Required<Asking> {
  const parts = Object.entries(fields).map(([name, value]) => {
    const file = name === 'file' ? '; filename="f.jsonl"' : '';
    return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`;
  });
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  return { body: Buffer.from(`${parts.join('')}--${BOUNDARY}--\r\n`), headers };
}

function batchLine(model: string, more: object = {}): string {
  return JSON.stringify({ custom_id: '1', method: 'POST', url: '/v1/responses', body: { model, input: 'x', ...more } });
}

function headersOf({ api, path }: ResourceEndpoint): Record<string, string> {
  if (api.startsWith('anthropic_')) return { 'anthropic-version': '2023-06-01' };
  return api.startsWith('gemini_') && path.startsWith('/v1/') ? { 'x-goog-api-key': 'k' } : {};
}

/** A request that the endpoint takes, but for the ids in its path. */
function askingOf(endpoint: ResourceEndpoint, made: Made): Asking {
  const headers = headersOf(endpoint);
  const json = (value: object): Asking => ({ body: JSON.stringify(value), headers });
  if (endpoint.body === 'form') {
    const { body, headers: more } = form({ purpose: 'batch', file: batchLine('m-1') });
    return { body, headers: { ...headers, ...more } };
  }
  if (endpoint.body === 'none') return { headers };
  if (endpoint.body === 'bytes') return { body: 'bytes', headers: { 'x-goog-upload-protocol': 'raw' } };
  if (endpoint.does !== 'make') return json({});
  switch (endpoint.api) {
    case 'openai_batches':
      return json({ input_file_id: made.get('openai file'), endpoint: '/v1/responses', completion_window: '24h' });
    case 'anthropic_batches':
      return json({ requests: [{ custom_id: '1', params: { model: 'm-1', max_tokens: 1, messages: [] } }] });
    case 'gemini_batches':
      return json({ batch: { inputConfig: { requests: { requests: [{ request: { contents: [] } }] } } } });
    case 'gemini_cached_contents':
      return json({ model: 'models/m-1', contents: [] });
    default:
      return json({});
  }
}

/** Ids by family and kind: `openai file`. */
type Made = Map<string, string>;

const familyOf = ({ api }: ResourceEndpoint): string => api.replace(/_.*/, '');

function pathOf(endpoint: ResourceEndpoint, made: Made): string {
  return endpoint.path.replace(/\{(\w+)\}/g, (_, place: string) => {
    if (place === 'id') return 'inner-1';
    return place === 'model' ? 'm-1' : (made.get(`${familyOf(endpoint)} ${place}`) ?? 'of-nobody');
  });
}

/** One of each that can be made, by one user. */
async function makeAll(login: string): Promise<Made> {
  const made: Made = new Map();
  for (const endpoint of RESOURCE_ENDPOINTS.filter(({ does }) => does === 'make')) {
    const answer = await ask(login, endpoint.method, pathOf(endpoint, made), askingOf(endpoint, made));
    const body: unknown = await answer.json();
    expect([endpoint.path, answer.status, body]).toEqual([endpoint.path, 200, expect.anything()]);
    const { id, name, file } = Object(body) as { id?: string; name?: string; file?: { name: string } };
    made.set(`${familyOf(endpoint)} ${endpoint.kind}`, id ?? (file?.name ?? name ?? '').replace(/^.*\//, ''));
  }
  return made;
}

function record(answer: Response): Promise<RecordRow> {
  const id = answer.headers.get('x-aperture-request-id') ?? '';
  return gateway.record('the record', (row) => row.id === id);
}

const withIds = RESOURCE_ENDPOINTS.filter(({ path }) => /\{(?!id|model)\w+\}/.test(path));
const asked = (rows: readonly Keeper['seen'][number][]): string[] => rows.map(({ method, url }) => `${method} ${url}`);

describe('two users', () => {
  let alices: Made;
  let bobs: Made;
  beforeAll(async () => {
    [alices, bobs] = await Promise.all([makeAll(ALICE), makeAll(BOB)]);
  }, 60_000);

  test('every endpoint with an id: what is foreign and what is unknown are the same 404, and reach no provider', async () => {
    const before = keeper.seen.length;
    const foreign = await Promise.all(
      withIds.flatMap((endpoint) =>
        [alices, new Map<string, string>()].map(async (made) => {
          const answer = await ask(BOB, endpoint.method, pathOf(endpoint, made), askingOf(endpoint, bobs));
          const text = (await answer.text()).replaceAll(/"request_id":"[^"]*"/g, '');
          return { endpoint: `${endpoint.method} ${endpoint.path}`, status: answer.status, text };
        }),
      ),
    );
    expect(foreign.filter(({ status }) => status !== 404)).toEqual([]);
    for (let at = 0; at < foreign.length; at += 2) expect(foreign[at]).toEqual(foreign[at + 1]);
    expect(asked(keeper.seen.slice(before))).toEqual([]);
    expect(second.seen).toEqual([]);
  }, 60_000);

  test('every endpoint with an id is there for who made it, by the same path and with the key', async () => {
    const made = await makeAll(ALICE);
    // What is deleted is gone for the rows behind it.
    const order = [...withIds].sort((a, b) => Number(a.does === 'delete') - Number(b.does === 'delete'));
    for (const endpoint of order) {
      if (endpoint.kind === 'operation') continue; // Nothing that is offered makes one.
      const path = pathOf(endpoint, made);
      const answer = await ask(ALICE, endpoint.method, path, askingOf(endpoint, made));
      await answer.arrayBuffer();
      expect([endpoint.method, path, answer.status]).toEqual([endpoint.method, path, 200]);
      expect(keeper.seen.at(-1)).toMatchObject({ method: endpoint.method, url: path });
    }
    // Deleted, it is nobody's at once: no provider is asked for it.
    const deleted = order.filter(({ does }) => does === 'delete');
    const before = keeper.seen.length;
    const answers = await Promise.all(
      deleted.map((endpoint) => ask(ALICE, 'GET', pathOf(endpoint, made), { headers: headersOf(endpoint) })),
    );
    expect(answers.map(({ status }) => status)).toEqual(deleted.map(() => 404));
    expect(asked(keeper.seen.slice(before))).toEqual([]);
  }, 60_000);

  test('lists hold what is the own, and say what was left out', async () => {
    for (const endpoint of RESOURCE_ENDPOINTS.filter(({ does }) => does === 'list')) {
      const answer = await ask(BOB, 'GET', endpoint.path, { headers: headersOf(endpoint) });
      const text = await answer.text();
      expect([endpoint.path, answer.status]).toEqual([endpoint.path, 200]);
      const own = bobs.get(`${familyOf(endpoint)} ${endpoint.kind}`) ?? '';
      const ids = [...text.matchAll(/"(?:id|name)":"(?:\w+\/)?([^"]*)"/g)].map(([, id]) => id);
      expect([endpoint.path, ids]).toEqual([endpoint.path, [own]]);
      const foreign = alices.get(`${familyOf(endpoint)} ${endpoint.kind}`) ?? '';
      expect(JSON.parse(text)).not.toMatchObject({ data: expect.arrayContaining([{ id: foreign }]) });
      expect((await record(answer)).edits).toContainEqual({
        kind: 'list_filter',
        side: 'response',
        detail: expect.stringMatching(/^\d+ of \d+ left out$/),
      });
    }
  }, 60_000);

  const inPrompt = (made: Made, of: string): string => made.get(of) ?? '';
  const BODIES: [name: string, path: string, body: (made: Made) => string][] = [
    [
      'conversation',
      '/v1/responses',
      (made) => `{"model":"m-1","conversation":"${inPrompt(made, 'openai conversation')}"}`,
    ],
    [
      'conversation as an object',
      '/v1/responses',
      (made) => `{"model":"m-1","conversation":{"id":"${inPrompt(made, 'openai conversation')}"}}`,
    ],
    [
      'file in a prompt',
      '/v1/responses',
      (made) =>
        `{"model":"m-1","input":[{"role":"user","content":[{"type":"input_file","file_id":"${inPrompt(made, 'openai file')}"}]}]}`,
    ],
    [
      'file under an escaped name',
      '/v1/responses',
      (made) => `{"model":"m-1","input":[{"content":[{"\\u0066ile_id":"${inPrompt(made, 'openai file')}"}]}]}`,
    ],
    [
      'file that is named twice',
      '/v1/chat/completions',
      (made) =>
        `{"model":"m-1","messages":[{"content":[{"file":{"file_id":"${inPrompt(made, 'openai file')}","file_id":""}}]}]}`,
    ],
    [
      'vector store',
      '/v1/responses',
      (made) =>
        `{"model":"m-1","tools":[{"type":"file_search","vector_store_ids":["${inPrompt(made, 'openai vector_store')}"]}]}`,
    ],
    [
      'container',
      '/v1/responses',
      (made) =>
        `{"model":"m-1","tools":[{"type":"code_interpreter","container":"${inPrompt(made, 'openai container')}"}]}`,
    ],
    [
      'files of a container',
      '/v1/responses',
      (made) =>
        `{"model":"m-1","tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["${inPrompt(made, 'openai file')}"]}}]}`,
    ],
    ['files of a new container', '/v1/containers', (made) => `{"file_ids":["${inPrompt(made, 'openai file')}"]}`],
    ['files of a new vector store', '/v1/vector_stores', (made) => `{"file_ids":["${inPrompt(made, 'openai file')}"]}`],
    ['input of a batch', '/v1/batches', (made) => `{"input_file_id":"${inPrompt(made, 'openai file')}"}`],
    [
      'file in a message',
      '/v1/messages',
      (made) =>
        `{"model":"m-1","messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"${inPrompt(made, 'anthropic file')}"}}]}]}`,
    ],
    [
      'file in a batch of messages',
      '/v1/messages/batches',
      (made) =>
        `{"requests":[{"params":{"model":"m-1","messages":[{"content":[{"source":{"file_id":"${inPrompt(made, 'anthropic file')}"}}]}]}}]}`,
    ],
    [
      'file by its address',
      '/v1beta/models/m-1:generateContent',
      (made) =>
        `{"contents":[{"parts":[{"fileData":{"fileUri":"${keeper.url}/v1beta/files/${inPrompt(made, 'gemini file')}"}}]}]}`,
    ],
    [
      'file by its address, spelt as the protocol has it',
      '/v1beta/models/m-1:streamGenerateContent',
      (made) => `{"contents":[{"parts":[{"file_data":{"file_uri":"files/${inPrompt(made, 'gemini file')}"}}]}]}`,
    ],
    [
      'cached content',
      '/v1beta/models/m-1:generateContent',
      (made) => `{"contents":[],"cachedContent":"cachedContents/${inPrompt(made, 'gemini cache')}"}`,
    ],
    [
      'cached content in a batch',
      '/v1beta/models/m-1:batchGenerateContent',
      (made) =>
        `{"batch":{"inputConfig":{"requests":{"requests":[{"request":{"cached_content":"cachedContents/${inPrompt(made, 'gemini cache')}"}}]}}}}`,
    ],
  ];

  test('a body that names another’s is a 404 and reaches no provider; its owner’s passes as it is', async () => {
    const asking = (login: string, path: string, body: string): Promise<Response> =>
      ask(login, 'POST', path, {
        body,
        headers: path.startsWith('/v1/messages') ? { 'anthropic-version': '2023-06-01' } : {},
      });
    const before = keeper.seen.length;
    const foreign = await Promise.all(
      BODIES.map(async ([name, path, body]) => {
        const answer = await asking(BOB, path, body(alices));
        return [name, answer.status, /was not found/.test(await answer.text())];
      }),
    );
    expect(foreign).toEqual(BODIES.map(([name]) => [name, 404, true]));
    expect(asked(keeper.seen.slice(before))).toEqual([]);
    for (const [name, path, body] of BODIES) {
      const own = await asking(ALICE, path, body(alices));
      expect([name, own.status, await own.text()]).toEqual([name, 200, expect.anything()]);
      expect(keeper.seen.at(-1)?.body.toString()).toBe(body(alices));
    }
  });

  test('a container that a response made is its caller’s: its files, and to go on in', async () => {
    const code = { model: 'm-1', input: 'run code' };
    await (await ask(ALICE, 'POST', '/v1/responses', { body: JSON.stringify(code) })).text();
    await (await ask(ALICE, 'GET', '/v1/containers/cntr_auto/files')).text();
    expect(keeper.seen.at(-1)?.url).toBe('/v1/containers/cntr_auto/files');
    const message = { model: 'm-1', max_tokens: 1, messages: [{ role: 'user', content: 'run code' }] };
    const headers = { 'anthropic-version': '2023-06-01' };
    await (await ask(ALICE, 'POST', '/v1/messages', { body: JSON.stringify(message), headers })).text();
    const next = JSON.stringify({ ...message, container: 'container_auto' });
    const [own, foreign, file] = await Promise.all([
      ask(ALICE, 'POST', '/v1/messages', { body: next, headers }),
      ask(BOB, 'POST', '/v1/messages', { body: next, headers }),
      ask(BOB, 'GET', '/v1/containers/cntr_auto/files'),
    ]);
    expect([own.status, foreign.status, file.status]).toEqual([200, 404, 404]);
  });

  test('what a client’s own tools call so is no object of a provider’s', async () => {
    const bodies = [
      ['/v1/messages', { messages: [{ content: [{ type: 'tool_use', input: { file_id: 'mine' } }] }] }],
      ['/v1/responses', { tools: [{ parameters: { properties: { file_id: { type: 'string' } } } }] }],
      ['/v1/responses', { input: [{ content: [{ annotations: [{ type: 'file_citation', file_id: 'f' }] }] }] }],
    ] as const;
    for (const [path, body] of bodies) {
      const answer = await ask(BOB, 'POST', path, { body: JSON.stringify({ model: 'm-1', ...body }) });
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });

  test('files that a batch made are its owner’s, from when the batch tells of them', async () => {
    const batch = alices.get('openai batch') ?? '';
    const told = (await (await ask(ALICE, 'GET', `/v1/batches/${batch}`)).json()) as { output_file_id: string };
    expect(await (await ask(ALICE, 'GET', `/v1/files/${told.output_file_id}/content`)).text()).toContain('custom_id');
    expect((await ask(BOB, 'GET', `/v1/files/${told.output_file_id}/content`)).status).toBe(404);
  });

  test('a batch of Gemini’s with all of its answers in it passes, however long it is', async () => {
    const answer = await ask(ALICE, 'GET', `/v1beta/batches/${alices.get('gemini batch') ?? ''}?large`);
    const text = await answer.text();
    expect([answer.status, text.length > LARGE_BYTES, text.endsWith('x"}}')]).toEqual([200, true, true]);
    expect(await record(answer)).toMatchObject({ state: 'complete', response_bytes: text.length });
  });

  test('ids with odd characters never reach a provider', async () => {
    const file = alices.get('openai file') ?? '';
    const odd = [
      ...[
        '%2e%2e',
        '..%2ffiles',
        `${file}%2fcontent`,
        `${file}%00`,
        `${file};x`,
        `.%2e/${file}`,
        `${file}/..`,
        '%66ile-1',
      ],
      ...[
        `${file}%20`,
        `${file}%3fx`,
        `x%5c..%5c${file}`,
        `${file}/content/`,
        `/${file}`,
        `${file}:download`,
        'a'.repeat(300),
      ],
    ];
    const before = keeper.seen.length;
    for (const id of odd) {
      const answer = await ask(ALICE, 'GET', `/v1/files/${id}`);
      expect([id, answer.status]).toEqual([id, 404]);
    }
    expect(asked(keeper.seen.slice(before))).toEqual([]);
    const overridden = { headers: { 'x-http-method-override': 'GET', 'x-goog-api-key': 'k' }, body: '{"model":"m-1"}' };
    expect((await ask(BOB, 'POST', '/v1beta/cachedContents', overridden)).status).toBe(400);
  });
});

describe('what may be billed, and where it goes', () => {
  test('a batch names no model that is not granted, in its lines or in its requests', async () => {
    const before = keeper.seen.length;
    const lines = (...models: string[]): Asking =>
      form({ purpose: 'batch', file: models.map((model) => batchLine(model)).join('\n') });
    for (const asking of [lines('m-1', 'm-2'), lines('second/m-1'), lines('m-9')]) {
      expect((await ask(NARROW, 'POST', '/v1/files', asking)).status).toBe(404);
    }
    const params = (model: string): string =>
      JSON.stringify({ requests: [{ params: { model: 'm-1' } }, { params: { model } }] });
    expect((await ask(NARROW, 'POST', '/v1/messages/batches', { body: params('m-2') })).status).toBe(404);
    const nested = JSON.stringify({ batch: { requests: [{ request: { model: 'models/m-2' } }] } });
    const gemini = '/v1beta/models/m-1:batchGenerateContent';
    expect((await ask(NARROW, 'POST', gemini, { body: nested })).status).toBe(404);
    expect(
      (await ask(NARROW, 'POST', gemini, { body: '{"batch":{"inputConfig":{"fileName":"files/x"}}}' })).status,
    ).toBe(400);
    const broken = form({
      purpose: 'batch',
      file: `${batchLine('m-1')}\n{"body":{"model":"m-1"},"body":{"model":"m-2"}}`,
    });
    expect((await ask(NARROW, 'POST', '/v1/files', broken)).status).toBe(400);
    expect(asked(keeper.seen.slice(before))).toEqual([]);
    expect((await ask(NARROW, 'POST', '/v1/files', lines('m-1'))).status).toBe(200);
    expect((await ask(NARROW, 'POST', '/v1/messages/batches', { body: params('m-1') })).status).toBe(200);
  }, 30_000);

  test('a file that nobody looked into is no input of a batch', async () => {
    const made = (await (
      await ask(ALICE, 'POST', '/v1/files', form({ purpose: 'user_data', file: 'x' }))
    ).json()) as NamedResource;
    const answer = await ask(ALICE, 'POST', '/v1/batches', { body: JSON.stringify({ input_file_id: made.id }) });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('input_file_id')]);
  });

  test('a form of two readings is refused', async () => {
    const twice = form({ purpose: 'batch', file: batchLine('m-1') });
    const doubled = twice.body
      .toString()
      .replace(
        '--of-the-test--',
        '--of-the-test\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n--of-the-test--',
      );
    const headers = twice.headers;
    for (const body of [doubled, 'half a line\n' + twice.body.toString(), twice.body.toString().slice(0, -6)]) {
      expect((await ask(ALICE, 'POST', '/v1/files', { body, headers })).status).toBe(400);
    }
  });

  test('under a quota no batch, under a rule nothing that it cannot read: said so, and nothing is sent', async () => {
    const before = keeper.seen.length;
    const body = JSON.stringify({ requests: [{ params: { model: 'm-1' } }] });
    const quota = await ask(QUENTIN, 'POST', '/v1/messages/batches', { body });
    expect([quota.status, await quota.text()]).toEqual([403, expect.stringContaining('daily')]);
    const rule = await ask(RUTH, 'POST', '/v1/files', form({ purpose: 'user_data', file: 'secret' }));
    expect([rule.status, await rule.text()]).toEqual([403, expect.stringContaining('rules')]);
    expect(asked(keeper.seen.slice(before))).toEqual([]);
    expect((await ask(QUENTIN, 'POST', '/v1/files', form({ purpose: 'user_data', file: 'x' }))).status).toBe(200);
  });

  test('the caller may say which provider, of those that are granted; follow-ups go there', async () => {
    const headers = { 'x-aperture-provider': 'second' };
    const asking = form({ purpose: 'user_data', file: 'x' });
    const answer = await ask(ALICE, 'POST', '/v1/files', { ...asking, headers: { ...asking.headers, ...headers } });
    const { id } = (await answer.json()) as NamedResource;
    expect(second.seen.at(-1)?.headers['x-aperture-provider']).toBeUndefined();
    expect((await ask(ALICE, 'GET', `/v1/files/${id}`)).status).toBe(200);
    expect(second.seen.at(-1)).toMatchObject({
      method: 'GET',
      url: `/v1/files/${id}`,
      headers: { authorization: `Bearer ${KEY}` },
    });
    // A model of both providers goes where the file is; a model of the first alone cannot.
    const prompt = (model: string): Asking => ({
      body: JSON.stringify({ model, input: [{ content: [{ file_id: id }] }] }),
    });
    expect((await ask(ALICE, 'POST', '/v1/responses', prompt('m-1'))).status).toBe(200);
    expect(second.seen.at(-1)?.url).toBe('/v1/responses');
    const apart = await ask(ALICE, 'POST', '/v1/responses', prompt('m-2'));
    expect([apart.status, await apart.text()]).toEqual([400, expect.stringContaining('gateway_resource_elsewhere')]);
    const here = (await (await ask(ALICE, 'POST', '/v1/files', asking)).json()) as NamedResource;
    const both = JSON.stringify({ model: 'm-1', input: [{ file_id: here.id }, { file_id: id }] });
    const torn = await ask(ALICE, 'POST', '/v1/responses', { body: both });
    expect([torn.status, await torn.text()]).toEqual([400, expect.stringContaining('gateway_resource_elsewhere')]);
    const list = (await (await ask(ALICE, 'GET', '/v1/files', { headers })).json()) as { data: NamedResource[] };
    expect(list.data.map((file) => file.id)).toEqual([id]);
    const denied = await ask(NARROW, 'POST', '/v1/files', { ...asking, headers: { ...asking.headers, ...headers } });
    expect(denied.status).toBe(400);
  });

  test('a form passes byte for byte, and its record tells what it was', async () => {
    const asking = form({ purpose: 'user_data', file: 'x\r\n\u0000y' });
    const answer = await ask(ALICE, 'POST', '/v1/files', asking);
    expect(answer.status).toBe(200);
    expect(keeper.seen.at(-1)?.body.equals(Buffer.from(asking.body))).toBe(true);
    const kinds: ResourceKind[] = ['file'];
    expect(await record(answer)).toMatchObject({
      ...{ api: 'openai_files', login: ALICE, provider: 'first', model: '', state: 'complete' },
      ...{ usage: null, cost_nanodollars: null, request_bytes: asking.body.length, path: `/v1/${kinds[0] ?? ''}s` },
    });
  });
});
