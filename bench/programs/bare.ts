import { Agent } from 'undici';
import { createUwsSocket } from '../../src/front/uws.ts';

/**
 * The bare pass-through: the same socket layer and HTTP client as ours, without identity, grants,
 * journal, inspection or records.
 */
const [port = '', origin = ''] = process.argv.slice(2);
const agent = new Agent({ pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

const socket = createUwsSocket((request, response) => {
  const chunks: Uint8Array[] = [];
  response.onGone(() => undefined);
  response.onData((chunk, last) => {
    chunks.push(chunk);
    if (!last) return;
    const headers: string[] = [];
    for (const [name, value] of request.headers) {
      if (name !== 'host' && name !== 'connection' && name !== 'content-length') headers.push(name, value);
    }
    const body = Buffer.concat(chunks);
    agent.dispatch(
      {
        origin,
        path: request.path,
        method: request.method,
        headers,
        body: body.byteLength > 0 ? body : null,
      },
      {
        onRequestStart: () => undefined,
        onResponseStart(_controller, status, answered) {
          const length = answered['content-length'];
          const passed: [string, string][] = [];
          for (const [name, value] of Object.entries(answered)) {
            if (name === 'content-length' || name === 'transfer-encoding' || name === 'connection') continue;
            if (name === 'keep-alive' || typeof value !== 'string') continue;
            passed.push([name, value]);
          }
          response.head(status, passed, typeof length === 'string' ? Number(length) : undefined);
        },
        onResponseData(_controller, chunk) {
          response.write(chunk);
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError() {
          response.reset();
        },
      },
    );
  });
}, 0);
await socket.listen('127.0.0.1', Number(port));
