import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** An event as `json` writes it. */
export interface TestEvent {
  id: string;
  type: string;
  timestamp: string;
  sequence: number;
  data: Record<string, unknown>;
}

/** A delivery as it arrived. */
export interface Arrived {
  id: string;
  headers: IncomingHttpHeaders;
  /** The bytes of the body, as text. */
  text: string;
  /** The event of a body with one, as `json` writes it; of any other body, whatever its JSON says. */
  body: TestEvent;
  /** All events of a `json` body. */
  events: TestEvent[];
}

/** A webhook receiver on a real socket. */
export interface TestReceiver {
  url: string;
  port: number;
  arrived: Arrived[];
  /** Answers from now on; by default 200. */
  answer: (response: ServerResponse, arrived: Arrived) => void;
  /** Closes the port under its senders. */
  away(): Promise<void>;
  /** Listens again, on the same port. */
  back(): Promise<void>;
}

export async function startReceiver(): Promise<TestReceiver> {
  const arrived: Arrived[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const body = parsed(text) as TestEvent & { events?: TestEvent[] };
      const { headers } = request;
      const one: Arrived = { id: String(headers['webhook-id']), headers, text, body, events: body.events ?? [body] };
      arrived.push(one);
      receiver.answer(response, one);
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const receiver: TestReceiver = {
    url: `http://127.0.0.1:${port}/events`,
    port,
    arrived,
    answer: (response) => response.end('{}'),
    away: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
    back: () => listen(port),
  };
  return receiver;
}

/** Formats that are not JSON have no body to look into. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** As the public library of Standard Webhooks has it; the gateway signs with code of its own. */
export function isSigned({ headers, text }: Arrived, secret: string): boolean {
  try {
    const one = (name: string): string => String(headers[name]);
    new Webhook(secret).verify(
      text,
      {
        'webhook-id': one('webhook-id'),
        'webhook-timestamp': one('webhook-timestamp'),
        'webhook-signature': one('webhook-signature'),
      },
      { jsonParse: false },
    );
    return true;
  } catch {
    return false;
  }
}
