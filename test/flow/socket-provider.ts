import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { packageRoot } from '../../src/lib/package-root.ts';
import { until } from '../support/until.ts';

const Line = z.object({ dir: z.enum(['client', 'server']), frame: z.looseObject({ type: z.string() }) });

/** A transcript's messages, each exactly as the file has it. */
export function transcript(name: string): { dir: 'client' | 'server'; text: string; type: string }[] {
  const file = join(packageRoot(), 'test', 'fixtures', `${name}.response.jsonl`);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { dir, frame } = Line.parse(JSON.parse(line));
      return { dir, type: frame.type, text: line.slice(line.indexOf('"frame":') + '"frame":'.length, -1) };
    });
}

/** One socket that the gateway opened, as the provider sees it. */
export interface Upstream {
  socket: WebSocket;
  request: IncomingMessage;
  /** What came, as text; binary messages in base64 behind `binary:`. */
  got: string[];
  closed: { code: number; reason: string } | undefined;
  say(...frames: (string | Record<string, unknown>)[]): void;
}

/** A provider of the test's own, over real sockets: each message that comes is handed to `answer`. */
export interface SocketProvider {
  url: string;
  sockets: Upstream[];
  /** Requests by POST. */
  posts: string[];
  answer: (upstream: Upstream, text: string) => void;
  /** Answers upgrades with this in place of a WebSocket. */
  refuse: { status: number; body: string } | undefined;
  /** The socket of that number, once it is there. */
  socket(index: number): Promise<Upstream>;
  close(): Promise<void>;
}

export async function startSocketProvider(): Promise<SocketProvider> {
  const posts: string[] = [];
  const sockets: Upstream[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      posts.push(body);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(
        turn('resp_posted', 'Posted.')
          .map((text) => `data: ${text}\n\n`)
          .join(''),
      );
    });
  });
  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const provider: SocketProvider = {
    url: '',
    sockets,
    posts,
    answer: () => undefined,
    refuse: undefined,
    socket: (index) => until(`the provider has socket ${index}`, () => sockets[index]),
    close: () =>
      new Promise((resolve) => {
        for (const { socket } of sockets) socket.terminate();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  server.on('upgrade', (request, socket, head) => {
    const { refuse } = provider;
    if (refuse !== undefined) {
      socket.end(
        `HTTP/1.1 ${refuse.status} No\r\ncontent-type: application/json\r\nconnection: close\r\n` +
          `content-length: ${Buffer.byteLength(refuse.body)}\r\n\r\n${refuse.body}`,
      );
      return;
    }
    upgrades.handleUpgrade(request, socket, head, (accepted) => {
      const upstream: Upstream = {
        socket: accepted,
        request,
        got: [],
        closed: undefined,
        say: (...frames) => {
          for (const frame of frames) accepted.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
        },
      };
      sockets.push(upstream);
      accepted.on('message', (data, binary) => {
        const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0);
        const text = binary ? `binary:${bytes.toString('base64')}` : bytes.toString();
        upstream.got.push(text);
        provider.answer(upstream, text);
      });
      accepted.on('close', (code, reason) => (upstream.closed = { code, reason: reason.toString() }));
      accepted.on('error', () => undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  provider.url = `http://127.0.0.1:${port}`;
  return provider;
}

/** The events of a short answer. */
export function turn(id: string, text: string, more: Record<string, unknown> = {}): string[] {
  const response = { id, object: 'response', model: 'gpt-5.5', status: 'in_progress', output: [], usage: null };
  const message = {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    content: [{ type: 'output_text', text, annotations: [] }],
  };
  const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 18 };
  return [
    { type: 'response.created', sequence_number: 0, response, ...more },
    {
      type: 'response.output_item.added',
      sequence_number: 1,
      output_index: 0,
      item: { ...message, content: [] },
      ...more,
    },
    {
      type: 'response.content_part.added',
      sequence_number: 2,
      item_id: message.id,
      output_index: 0,
      content_index: 0,
      part: { type: 'output_text', text: '', annotations: [] },
      ...more,
    },
    {
      type: 'response.output_text.delta',
      sequence_number: 3,
      item_id: message.id,
      output_index: 0,
      content_index: 0,
      delta: text,
      ...more,
    },
    { type: 'response.output_item.done', sequence_number: 4, output_index: 0, item: message, ...more },
    {
      type: 'response.completed',
      sequence_number: 5,
      response: { ...response, status: 'completed', output: [message], usage },
      ...more,
    },
  ].map((event) => JSON.stringify(event));
}

/** A client's socket, and all that came on it. */
export interface Client {
  socket: WebSocket;
  /** As text; binary messages in base64 behind `binary:`. */
  got: string[];
  closed: { code: number; reason: string } | undefined;
  /** What the server answered in place of a WebSocket. */
  refused: { status: number; body: string } | undefined;
  send(frame: string | Record<string, unknown>): void;
  /** Waits until so many messages came. */
  messages(count: number): Promise<string[]>;
  /** Waits until a message of this type is there; answers it. */
  until(type: string, nth?: number): Promise<Record<string, unknown>>;
  ended(): Promise<{ code: number; reason: string }>;
}

const Frame = z.looseObject({ type: z.string() });

export async function connectClient(
  url: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<Client> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { headers, perMessageDeflate: false });
  const client: Client = {
    socket,
    got: [],
    closed: undefined,
    refused: undefined,
    send: (frame) => {
      socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    },
    messages: (count) => until(`${count} messages came`, () => client.got.length >= count && client.got),
    until: async (type, nth = 0) => {
      const frames = (): z.infer<typeof Frame>[] => client.got.map((text) => Frame.parse(JSON.parse(text)));
      await until(
        `${type} or a close came`,
        () => frames().filter((f) => f.type === type).length > nth || client.closed,
      );
      const found = frames().filter((frame) => frame.type === type)[nth];
      if (found === undefined)
        throw new Error(`closed with ${JSON.stringify(client.closed)} after ${client.got.join('\n')}`);
      return found;
    },
    ended: () => until('the socket is closed', () => client.closed),
  };
  socket.on('message', (data, binary) => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0);
    client.got.push(binary ? `binary:${bytes.toString('base64')}` : bytes.toString());
  });
  socket.on('close', (code, reason) => (client.closed = { code, reason: reason.toString() }));
  socket.on('error', () => undefined);
  socket.on('unexpected-response', (request, response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('end', () => {
      client.refused = { status: response.statusCode ?? 0, body };
      request.destroy();
    });
  });
  await until(
    'the socket is open or refused',
    () => socket.readyState === WebSocket.OPEN || client.refused !== undefined || client.closed !== undefined,
  );
  return client;
}
