import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';
const body = JSON.stringify({
  id: 'chatcmpl-plain',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-5-mini',
  choices: [{ index: 0, message: { role: 'assistant', content: 'plain' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 512, completion_tokens: 1, total_tokens: 513 },
});
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}${HEAD_END}${body}`;

function serve(socket: Socket): void {
  let head = '';
  /** Bytes of the request that are still to come; undefined before its head is whole. */
  let missing: number | undefined;
  let waitMs = 0;
  socket.on('data', (bytes) => {
    if (missing === undefined) {
      head += bytes.toString('latin1');
      const end = head.indexOf(HEAD_END);
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      waitMs = Number(/\r\nx-wait-ms: *(\d+)/i.exec(head)?.[1] ?? 0);
      missing = end + HEAD_END.length + length - head.length;
    } else missing -= bytes.length;
    if (missing > 0) return;
    head = '';
    missing = undefined;
    if (waitMs === 0) socket.write(ANSWER);
    else setTimeout(() => socket.write(ANSWER), waitMs);
  });
  // A client that breaks off is its own business.
  socket.on('error', () => socket.destroy());
}

/**
 * A provider of nothing but sockets, so that its own cost is small beside what is measured. It always says the same;
 * `x-wait-ms` of the request is the time that it takes. Rejects where it cannot listen.
 */
export function listenPlain(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, serve);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}
