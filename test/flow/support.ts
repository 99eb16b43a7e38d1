import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { BookEntry } from '../../src/simulator/books.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/provider.ts';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';

export type Api = 'openai' | 'anthropic';
export const APIS: Api[] = ['openai', 'anthropic'];
export const PATHS: Record<Api, string> = { openai: '/v1/chat/completions', anthropic: '/v1/messages' };
export const MODELS: Record<Api, string> = { openai: 'gpt-5-mini', anthropic: 'claude-haiku-4-5' };
/** The only credential that a provider may see. */
export const PROVIDER_KEY = 'sk-flow-provider-key-0123456789';

export const ADMIN_GRANT = {
  src: ['(loopback)'],
  app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: '**' }, { read_metrics: true }] },
};

/** One gateway process before a simulator of ours. */
export interface Flow {
  gateway: TestGateway;
  simulator: Simulator;
  /** A request to a model; `sim` steers the simulator. */
  ask(api: Api, options?: AskOptions): Promise<Response>;
  /** Sends bytes as they are and answers what came back until the end, or until `enough`. */
  raw(request: string | Uint8Array, options?: RawOptions): Promise<RawAnswer>;
  socket(): Promise<Socket>;
  /** The record of one exchange; fails when it does not come. */
  record(id: string): Promise<RecordRow>;
  /** The record of the exchange whose user agent this is (`newTag`). */
  recordOf(tag: string): Promise<RecordRow>;
  /** The simulator's entry of one request, once it has ended. */
  ended(tag: string, withinMs?: number): Promise<BookEntry>;
  /** Waits until nothing of any request is left in the process; fails saying what is. */
  quiescent(): Promise<void>;
  close(): Promise<void>;
}

/** What must be zero when no request runs: else it leaks, and ends in 503s. */
const LEVELS = [
  'aperture_live_exchanges',
  'aperture_live_subjects',
  'aperture_inflight_bytes',
  'aperture_unsettled_exchanges',
  'aperture_records_waiting',
  'aperture_inspector_unread_bytes',
  'aperture_journal_pending_bytes',
];

export interface AskOptions {
  sim?: string;
  stream?: boolean;
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  query?: string;
}

export interface RawOptions {
  /** Half-close after the request. */
  fin?: boolean;
  enough?: (text: string) => boolean;
  withinMs?: number;
}

export interface RawAnswer {
  text: string;
  status: number;
  headers: Map<string, string>;
  body: string;
  /** The gateway ended the connection by itself. */
  closed: boolean;
}

export interface FlowOptions {
  server?: Record<string, unknown>;
  /** Beside the two that are always there. */
  providers?: Record<string, unknown>;
  exporters?: Record<string, unknown>;
  hooks?: Record<string, unknown>;
  quotas?: Record<string, unknown>;
  env?: Record<string, string>;
  simulator?: Partial<SimulatorOptions>;
  dataDir?: string;
  /** In place of the one that makes loopback an admin. */
  grants?: unknown[];
  /** With what the test itself asks of the gateway. */
  headers?: Record<string, string>;
}

export async function startFlow(options: FlowOptions = {}): Promise<Flow> {
  const simulator = await startSimulator({
    host: '127.0.0.1',
    port: 0,
    expectedKey: PROVIDER_KEY,
    ...options.simulator,
  });
  const gateway = await startGateway({
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
    config: {
      providers: {
        openai: { baseurl: simulator.url, apikey: PROVIDER_KEY, models: [MODELS.openai] },
        anthropic: {
          baseurl: simulator.url,
          apikey: PROVIDER_KEY,
          authorization: 'x-api-key',
          models: [MODELS.anthropic],
          compatibility: { openai_chat: false, anthropic_messages: true },
        },
        ...options.providers,
      },
      grants: options.grants ?? [ADMIN_GRANT],
      ...(options.server === undefined ? {} : { server: options.server }),
      ...(options.exporters === undefined ? {} : { exporters: options.exporters }),
      ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
      ...(options.quotas === undefined ? {} : { quotas: options.quotas }),
    },
  }).catch(async (error: unknown) => {
    await simulator.close();
    throw error;
  });
  const port = Number(new URL(gateway.url).port);
  return {
    gateway,
    simulator,
    ask: (api, ask = {}) =>
      fetch(gateway.url + PATHS[api] + (ask.query ?? ''), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(ask.sim === undefined ? {} : { 'x-sim': ask.sim }),
          ...ask.headers,
        },
        body: JSON.stringify({ ...bodyOf(api), stream: ask.stream ?? false, ...ask.body }),
        ...(ask.signal === undefined ? {} : { signal: ask.signal }),
      }),
    raw: (request, raw) => exchangeRaw(port, request, raw),
    socket: () => connected(port),
    record: (id) => gateway.record(`the record of ${id}`, (record) => record.id === id),
    recordOf: (tag) => gateway.record(`the record of ${tag}`, (record) => record.user_agent === tag),
    ended: (tag, withinMs) =>
      until(
        `the provider's exchange ${tag} has ended`,
        () => simulator.books(0, tag).entries.find((entry) => entry.ended_at_ms !== null),
        withinMs,
      ),
    quiescent: () => quiescent(gateway),
    close: async () => {
      await gateway.stop();
      await simulator.close();
    },
  };
}

/** A mark of one exchange, in the provider's books and, as user agent, in our records. */
export function newTag(): string {
  return `tag-${randomUUID()}`;
}

/** Waits until nothing of any request is left in the process; fails saying what is. */
export async function quiescent(gateway: TestGateway, withinMs?: number): Promise<void> {
  let left: string[] = [];
  await until(
    'nothing is left of any request',
    async () => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      left = LEVELS.map((name) => new RegExp(`^${name} .*$`, 'm').exec(metrics)?.[0] ?? `${name} is missing`);
      return left.every((line) => line.endsWith(' 0'));
    },
    withinMs,
  ).catch((error: unknown) => {
    throw new Error(left.join(', '), { cause: error });
  });
}

export function bodyOf(api: Api): Record<string, unknown> {
  return { model: MODELS[api], max_tokens: 4096, messages: [{ role: 'user', content: 'Say hello' }] };
}

/** A request as text, its length declared; `head` adds or replaces headers. */
export function rawRequest(path: string, body: string, head: Record<string, string> = {}, method = 'POST'): string {
  const headers: Record<string, string> = {
    host: '127.0.0.1',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    ...head,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

export async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  // Later resets are told by 'close'.
  socket.on('error', () => undefined);
  return socket;
}

async function exchangeRaw(port: number, request: string | Uint8Array, options: RawOptions = {}): Promise<RawAnswer> {
  const socket = await connected(port);
  let text = '';
  let closed = false;
  const over = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no end of the answer; so far: ${text.slice(0, 500)}`));
    }, options.withinMs ?? 10_000);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if ((options.enough ?? hasWholeAnswer)(text)) done();
    });
    for (const end of ['end', 'close']) {
      socket.once(end, () => {
        closed = true;
        done();
      });
    }
  });
  socket.write(request);
  if (options.fin === true) socket.end();
  try {
    await over;
  } finally {
    socket.destroy();
  }
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const lines = head.split('\r\n');
  return {
    text,
    status: Number(lines[0]?.split(' ')[1] ?? '0'),
    headers: new Map(
      lines.slice(1).map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    ),
    body: rest.join('\r\n\r\n'),
    closed,
  };
}

/** For answers with a declared length, which all of the gateway's own have. */
function hasWholeAnswer(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return headEnd >= 0 && length !== undefined && text.length - headEnd - 4 >= Number(length);
}

/** The `code` and the text of an error, which must be in the caller's own shape. */
export function errorOf(api: Api, body: string): { code: string; message: string } {
  const parsed: unknown = JSON.parse(body);
  if (api === 'openai') {
    const { error } = parsed as { error: { code: string; message: string; type: string } };
    if (typeof error.type !== 'string') throw new Error(`not OpenAI's shape: ${body}`);
    return error;
  }
  const { type, error } = parsed as {
    type: string;
    error: { type: string; message: string; details: { error_code: string } };
  };
  if (type !== 'error' || typeof error.type !== 'string') throw new Error(`not Anthropic's shape: ${body}`);
  return { code: error.details.error_code, message: error.message };
}
