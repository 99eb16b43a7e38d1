import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request as the provider got it. */
export interface Kept {
  method: string;
  /** With the query. */
  url: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export interface Keeper {
  url: string;
  /** All that reached it, in order. */
  seen: Kept[];
  close(): Promise<void>;
}

type Thing = Record<string, unknown>;

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body: string | Buffer;
}

/** Ids begin so, at the providers themselves. */
const PREFIXES: Record<string, string> = {
  files: 'file-',
  uploads: 'upload_',
  parts: 'part_',
  batches: 'batch_',
  conversations: 'conv_',
  containers: 'cntr_',
  vector_stores: 'vs_',
};

/**
 * A provider that keeps what it is given for whoever has its key, in the shapes of OpenAI, Anthropic and Gemini. It knows
 * no callers: whose something is, the gateway alone can say.
 */
export async function startKeeper(key: string): Promise<Keeper> {
  const seen: Kept[] = [];
  const things = new Map<string, Map<string, Thing>>();
  const contents = new Map<string, Buffer>();
  let made = 0;
  let origin = '';
  const of = (collection: string): Map<string, Thing> => {
    const found = things.get(collection) ?? new Map<string, Thing>();
    things.set(collection, found);
    return found;
  };
  const make = (collection: string, prefix: string, more: Thing = {}): Thing => {
    made += 1;
    const thing = { id: `${prefix}${made}`, ...more };
    of(collection).set(thing.id, thing);
    return thing;
  };

  const openai = (kept: Kept, parts: string[]): Answer => {
    const [collection = '', id, inner] = parts;
    const purpose = /name="purpose"\r\n\r\n([^\r]*)/.exec(kept.body.toString('latin1'))?.[1] ?? 'user_data';
    if (kept.method === 'POST' && id === undefined) {
      const json = asJson(kept.body);
      const more = collection === 'files' ? { object: 'file', purpose, filename: 'f.txt', bytes: 1 } : { ...json };
      const thing = make(collection, PREFIXES[collection] ?? 'x_', { ...more, object: collection.replace(/e?s$/, '') });
      if (collection === 'files') contents.set(String(thing['id']), kept.body);
      if (collection === 'batches') {
        const output = make('files', PREFIXES['files'] ?? '', { object: 'file', purpose: 'batch_output' });
        contents.set(String(output['id']), OPENAI_RESULTS);
        Object.assign(thing, { status: 'in_progress', ready: output['id'] });
      }
      return json_(withoutReady(thing));
    }
    if (kept.method === 'GET' && id === undefined) {
      const data = [...of(collection).values()].map(withoutReady);
      return json_({ object: 'list', data, first_id: data[0]?.['id'], last_id: data.at(-1)?.['id'], has_more: false });
    }
    const thing = of(collection).get(id ?? '');
    if (thing === undefined) return json_({ error: { message: `No such thing: ${id ?? ''}` } }, 404);
    if (inner === 'parts') return json_(make('parts', PREFIXES['parts'] ?? '', { object: 'upload.part' }));
    if (inner === 'complete')
      return json_({ ...thing, file: make('files', PREFIXES['files'] ?? '', { object: 'file' }) });
    if (inner === 'content' && collection === 'files') return { body: contents.get(id ?? '') ?? 'content' };
    if (kept.method === 'DELETE' && inner === undefined) {
      of(collection).delete(id ?? '');
      return json_({ id, object: 'deleted', deleted: true });
    }
    if (collection === 'batches' && kept.method === 'GET') {
      Object.assign(thing, { status: 'completed', output_file_id: thing['ready'] });
    }
    if (inner !== undefined && kept.method === 'GET') return json_({ object: 'list', data: [], has_more: false });
    return json_(withoutReady(thing));
  };

  const anthropic = (kept: Kept, parts: string[]): Answer => {
    const isBatch = parts[0] === 'messages';
    const [id, inner] = isBatch ? parts.slice(2) : parts.slice(1);
    const collection = isBatch ? 'anthropic batches' : 'anthropic files';
    if (kept.method === 'POST' && id === undefined) {
      const thing = make(collection, isBatch ? 'msgbatch_' : 'file_0', { type: isBatch ? 'message_batch' : 'file' });
      const address = `${origin}/v1/messages/batches/${String(thing['id'])}/results`;
      if (isBatch) Object.assign(thing, { results_url: address, processing_status: 'ended', request_counts: {} });
      else Object.assign(thing, { filename: 'f.txt', mime_type: 'text/plain', size_bytes: 1, downloadable: true });
      return json_(thing);
    }
    if (kept.method === 'GET' && id === undefined) {
      return json_({ data: [...of(collection).values()], has_more: false, first_id: null, last_id: null });
    }
    const thing = of(collection).get(id ?? '');
    if (thing === undefined) return json_({ type: 'error', error: { type: 'not_found_error', message: 'no' } }, 404);
    if (inner === 'results') {
      return { headers: { 'content-type': 'application/x-jsonl' }, body: ANTHROPIC_RESULTS };
    }
    if (inner === 'content') return { body: 'content' };
    if (kept.method !== 'DELETE') return json_(thing);
    of(collection).delete(id ?? '');
    return json_({ id, type: 'deleted' });
  };

  const google = (kept: Kept, path: string): Answer => {
    const uploading = path.startsWith('/upload/');
    if (uploading && kept.headers['x-goog-upload-command'] === 'start') {
      made += 1;
      const address = `${origin}${path}?key=${key}&upload_id=up-${made}&upload_protocol=resumable`;
      return { headers: { 'x-goog-upload-url': address, 'x-goog-upload-status': 'active' }, body: '' };
    }
    const [, collection = '', rest] = /\/(files|cachedContents|batches|models)(?:\/([^:]*))?/.exec(path) ?? [];
    const kind = path.includes(':batchGenerateContent') ? 'batches' : collection;
    if (kept.method === 'POST' && (rest === undefined || kind !== collection)) {
      made += 1;
      const name = `${kind}/g${made}`;
      const thing = { name, uri: `${origin}/v1beta/${name}`, mimeType: 'text/plain', state: 'ACTIVE', metadata: {} };
      of(`google ${kind}`).set(`g${made}`, thing);
      return json_(uploading ? { file: thing } : thing, 200, { 'x-goog-upload-status': 'final' });
    }
    if (rest === undefined) {
      return json_({ [kind === 'batches' ? 'operations' : kind]: [...of(`google ${kind}`).values()] });
    }
    const thing = of(`google ${kind}`).get(rest);
    if (thing === undefined) return json_({ error: { code: 404, status: 'NOT_FOUND', message: 'no' } }, 404);
    if (path.endsWith(':download')) return { body: 'content' };
    if (kept.method === 'GET' && url_(kept).searchParams.has('large')) {
      return json_({ ...thing, response: { inlinedResponses: 'x'.repeat(LARGE_BYTES) } });
    }
    if (kept.method === 'GET' && kind === 'batches') {
      // Polled for the first time it is at work, and then over.
      const isOver = thing['polled'] === true;
      thing['polled'] = true;
      const { name } = thing;
      return json_(isOver ? { name, ...GEMINI_RESULTS } : { name, metadata: { state: 'BATCH_STATE_RUNNING' } });
    }
    if (kept.method === 'DELETE') of(`google ${kind}`).delete(rest);
    return json_(kept.method === 'DELETE' ? {} : thing);
  };

  const answerTo = (kept: Kept): Answer => {
    const path = kept.url.replace(/\?.*$/s, '');
    const model = MODEL_ANSWERS.find(([pattern]) => pattern.test(path));
    if (model !== undefined) return json_(model[1]);
    if (/^\/(?:upload|download|v1beta)\//.test(path) || kept.headers['x-goog-api-client'] !== undefined) {
      return google(kept, path);
    }
    const parts = path.split('/').slice(2);
    return kept.headers['anthropic-version'] === undefined ? openai(kept, parts) : anthropic(kept, parts);
  };

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const kept = { method, url, headers, body: Buffer.concat(chunks) };
      seen.push(kept);
      const { status = 200, headers: more = {}, body } = answerTo(kept);
      response.writeHead(status, { 'content-type': 'application/octet-stream', ...more });
      // All but the end of it, for as long as the client likes.
      if (url_(kept).searchParams.has('stalls')) response.write(body.slice(0, -1));
      else response.end(body);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  origin = `http://127.0.0.1:${address.port}`;
  return {
    url: origin,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const jsonLines = (lines: object[]): Buffer => Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
const openaiLine = (id: string, input: number, output: number): object => ({
  custom_id: id,
  response: {
    status_code: 200,
    body: {
      ...{ id: `resp_b${id}`, object: 'response', status: 'completed', model: 'gpt-5-mini-2025-08-07', output: [] },
      usage: { input_tokens: input, output_tokens: output },
    },
  },
  error: null,
});
const message = (model: string, input: number, output: number): object => ({
  type: 'succeeded',
  message: {
    ...{ id: 'msg_b', type: 'message', role: 'assistant', model, content: [], stop_reason: 'end_turn' },
    usage: { input_tokens: input, output_tokens: output, service_tier: 'batch' },
  },
});

/** gpt-5-mini in a batch: $0.125 and $1 a million. 40 in and 60 out are 65,000 nanodollars. One came to nothing. */
export const OPENAI_RESULTS = jsonLines([
  openaiLine('1', 10, 20),
  openaiLine('2', 30, 40),
  { custom_id: '3', response: null, error: { code: 'batch_expired', message: 'expired' } },
]);
/** claude-sonnet-4-6: $1.50 and $7.50: 10 in and 20 out are 165,000. claude-haiku-4-5: $0.50 and $2.50: 2 and 4 are 11,000. */
export const ANTHROPIC_RESULTS = jsonLines([
  { custom_id: '1', result: message('claude-sonnet-4-6', 10, 20) },
  { custom_id: '2', result: { type: 'canceled' } },
  { custom_id: '3', result: message('claude-haiku-4-5', 2, 4) },
]);
const GEMINI_ANSWERS = {
  inlinedResponses: {
    inlinedResponses: [
      {
        response: {
          candidates: [],
          modelVersion: 'gemini-2.5-pro',
          usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 2 },
        },
      },
      { error: { code: 3, message: 'no' } },
    ],
  },
};
/** gemini-2.5-pro in a batch: $0.625 and $5: 8 in and 2 out are 15,000. Told at two places, as Google does. */
const GEMINI_RESULTS = {
  metadata: { state: 'BATCH_STATE_SUCCEEDED', output: GEMINI_ANSWERS },
  done: true,
  response: GEMINI_ANSWERS,
};

/** Longer than what the gateway holds of an answer. */
export const LARGE_BYTES = 17 * 1024 * 1024;

function url_({ url }: Kept): URL {
  return new URL(url, 'http://keeper');
}

const CODE = { type: 'code_interpreter_call', id: 'ci_1', container_id: 'cntr_auto', status: 'completed', code: '' };
const MODEL_ANSWERS: [RegExp, Thing][] = [
  [
    /\/responses$/,
    { id: 'resp_1', object: 'response', status: 'completed', model: 'm-openai', output: [CODE], usage: null },
  ],
  [
    /\/v1\/messages$/,
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm-anthropic',
      content: [],
      stop_reason: 'end_turn',
      container: { id: 'container_auto', expires_at: '2030-01-01T00:00:00Z' },
    },
  ],
  [/:(?:generateContent|streamGenerateContent)$/, { candidates: [] }],
  [/\/chat\/completions$/, { id: 'chat_1', object: 'chat.completion', model: 'm-openai', choices: [] }],
];

function withoutReady(thing: Thing): Thing {
  return Object.fromEntries(Object.entries(thing).filter(([name]) => name !== 'ready'));
}

function asJson(body: Buffer): Thing {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function json_(value: Thing, status = 200, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}
