import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A delivery as it arrived. */
export interface Arrived {
  id: string;
  timestamp: string;
  signature: string;
  /** The bytes of the body, as text. */
  text: string;
  body: { type: string; timestamp: string; sequence: number; data: Record<string, unknown> };
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
      const header = (name: string): string => String(request.headers[name]);
      const one: Arrived = {
        id: header('webhook-id'),
        timestamp: header('webhook-timestamp'),
        signature: header('webhook-signature'),
        text,
        body: JSON.parse(text) as Arrived['body'],
      };
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

/** As the specification of Standard Webhooks has it, by nothing that the gateway uses. */
export function isSigned({ id, timestamp, signature, text }: Arrived, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64');
  return signature.split(' ').includes(`v1,${mac}`);
}
