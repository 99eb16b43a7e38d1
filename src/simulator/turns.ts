import { request as post } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { z } from 'zod';
import { WebSocket, WebSocketServer } from 'ws';

/** Where Responses are offered over WebSocket too. */
const PATH = '/v1/responses';

const Frame = z.looseObject({ type: z.string(), stream_id: z.string().optional() });
const Answer = z.looseObject({ error: z.looseObject({}) });

/** Says nothing of compression, as a provider that offers none. */
const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false });

export function isTurns({ url, headers }: IncomingMessage): boolean {
  return url?.split('?')[0] === PATH && headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Responses over WebSocket: each `response.create` is put to the simulator itself as a POST, with the headers of the
 * upgrade, and its events come back as messages. So it is steered, and stands in the books, as any other request.
 */
export function acceptTurns(request: IncomingMessage, socket: Socket, head: Buffer, url: string): void {
  upgrades.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => {
      client.terminate();
    });
    client.on('message', (data, binary) => {
      const frame = binary || !Buffer.isBuffer(data) ? undefined : frameOf(data.toString('utf8'));
      if (frame?.type === 'response.create') ask(client, url, request, frame);
      else
        client.send(
          '{"type":"error","status":400,"error":{"type":"invalid_request_error","message":"unknown message"}}',
        );
    });
  });
}

function frameOf(text: string): z.infer<typeof Frame> | undefined {
  try {
    return Frame.safeParse(JSON.parse(text)).data;
  } catch {
    // No JSON.
    return undefined;
  }
}

function ask(client: WebSocket, url: string, upgrade: IncomingMessage, frame: z.infer<typeof Frame>): void {
  const { type: _, stream_id, ...body } = frame;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(upgrade.headers)) {
    if (typeof value === 'string' && !OF_THE_UPGRADE.test(name)) headers[name] = value;
  }
  // Codex begins so: the prompt is read ahead, and nothing is answered.
  if (body['generate'] === false) headers['x-sim'] = [headers['x-sim'] ?? '', WARM_UP].filter(Boolean).join(';');
  const say = (event: Record<string, unknown>): void => {
    if (client.readyState === WebSocket.OPEN) {
      client.send(JSON.stringify(stream_id === undefined ? event : { ...event, stream_id }));
    }
  };
  const broken = (): void => {
    client.close(1011, 'the response broke off');
  };
  const asking = post(`${url}${PATH}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } });
  client.on('close', () => asking.destroy());
  asking.on('error', broken);
  asking.on('response', (answer) => {
    answer.on('error', broken);
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') ?? false;
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (piece: string) => {
      text += piece;
      if (!isStream) return;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) sayEvent(event, say);
    });
    answer.on('end', () => {
      if (!isStream) say({ type: 'error', status: answer.statusCode, ...Answer.safeParse(jsonOf(text)).data });
    });
  });
  asking.end(JSON.stringify({ ...body, stream: true }));
}

const WARM_UP = 'input=0;output=0;events=0;tools=0';

/** Headers that belong to the handshake, or to one connection. */
const OF_THE_UPGRADE = /^(?:host|connection|upgrade|sec-websocket-.*|content-.*)$/;

function sayEvent(event: string, say: (event: Record<string, unknown>) => void): void {
  const data = event
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length))
    .join('\n');
  const frame = data === '' ? undefined : frameOf(data);
  if (frame !== undefined) say(frame);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A body that was made to be none.
    return undefined;
  }
}
