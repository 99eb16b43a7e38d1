import { Agent, createServer, request as requestPlain } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { pipeline } from 'node:stream';

/** A proxy of Node's own parts, as one would write it: kept-alive connections, both bodies streamed. */
const [port = '', upstream = ''] = process.argv.slice(2);
const { hostname, port: upstreamPort, protocol } = new URL(upstream);
const secure = protocol === 'https:';
const agent = secure ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
const send = secure ? requestTls : requestPlain;

const server = createServer({ noDelay: true }, (request, response) => {
  const { method, url, headers } = request;
  const onward = send(
    { agent, hostname, port: upstreamPort, method, path: url, headers: passed(headers) },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, passed(answer.headers));
      // Where either side breaks off, so does the other: a cut answer is no whole one.
      pipeline(answer, response, () => undefined);
    },
  );
  onward.on('error', () => response.destroy());
  response.on('close', () => {
    if (!response.writableFinished) onward.destroy();
  });
  request.pipe(onward);
});
server.listen(Number(port), '127.0.0.1');

/** Without what belongs to one connection. */
function passed(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...rest } = headers;
  return rest;
}
