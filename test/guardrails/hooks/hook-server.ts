import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call as it arrived at a hook. */
export interface Called {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  /** The bytes of the body, as text. */
  text: string;
  body: {
    metadata: Record<string, unknown>;
    request_body?: unknown;
    user_message?: unknown;
    tool_calls?: unknown;
    response_body?: unknown;
    raw_responses?: unknown;
  } & Record<string, unknown>;
}

export type HookAnswer = (response: ServerResponse, called: Called) => void;

/** A hook as anybody would write one: nothing of it is the gateway's. */
export interface HookServer {
  port: number;
  url: string;
  calls: Called[];
  answer: HookAnswer;
  /** Closes the port under its callers. */
  away(): Promise<void>;
  back(): Promise<void>;
}

export const ALLOW: HookAnswer = (response) => response.end('{"action":"allow"}');

export async function startHookServer(answer: HookAnswer = ALLOW): Promise<HookServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const { method = '', url = '', headers } = request;
      const called: Called = { method, url, headers, text, body: JSON.parse(text) as Called['body'] };
      hook.calls.push(called);
      hook.answer(response, called);
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const hook: HookServer = {
    port,
    url: `http://127.0.0.1:${port}/check?v=1`,
    calls: [],
    answer,
    away: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
    back: () => listen(port),
  };
  return hook;
}
