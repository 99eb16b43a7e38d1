import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { News, Order, ProxyOrder, RequestOrder } from './private-network.ts';

/** One host of a private network: makes requests from its namespace, or is a reverse proxy there, as told over IPC. */
process.on('message', (message: Order) => {
  switch (message.kind) {
    case 'request':
      ask(message);
      return;
    case 'proxy':
      proxy(message);
      return;
  }
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });

function tell(news: News): void {
  process.send?.(news);
}

function ask({ id, to, method, path, headers, body, from }: RequestOrder): void {
  const sent = request({
    ...to,
    method,
    path,
    headers: headers.flat(),
    agent: false,
    ...(from === undefined ? {} : { localAddress: from }),
  });
  const fail = (error: Error): void => {
    tell({ kind: 'failed', id, why: 'code' in error ? String(error.code) : error.message });
  };
  sent.on('error', fail);
  sent.on('response', (response) => {
    tell({ kind: 'head', id });
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('error', fail);
    response.on('end', () => {
      tell({ kind: 'answer', id, answer: { status: response.statusCode ?? 0, body: text } });
    });
  });
  sent.end(body);
}

/** As `tailscale serve`: the identity headers are its own, by the address that it sees; all others pass. */
function proxy({ id, at, to, logins, forwardedFor }: ProxyOrder): void {
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const from = incoming.socket.remoteAddress ?? '';
    const headers = Object.entries(incoming.headers).filter(([name]) => !name.startsWith('tailscale-'));
    const login = logins[from];
    if (login !== undefined) headers.push(['tailscale-user-login', login]);
    if (forwardedFor) headers.push(['x-forwarded-for', from]);
    const onward = request(
      { ...to, method: incoming.method, path: incoming.url, headers: Object.fromEntries(headers), agent: false },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(onward);
  });
  server.listen(at.port, at.host, () => {
    tell({ kind: 'listening', id });
  });
}
