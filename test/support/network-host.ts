import { request } from 'node:http';
import type { News, Order, RequestOrder } from './private-network.ts';
import { startReverseProxy } from './reverse-proxy.ts';

/** One host of a private network: makes requests from its namespace, or is a reverse proxy there, as told over IPC. */
process.on('message', (message: Order) => {
  switch (message.kind) {
    case 'request':
      ask(message);
      return;
    case 'proxy':
      void startReverseProxy(message.settings).then(() => {
        tell({ kind: 'listening', id: message.id });
      });
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
