import { connect } from 'node:net';

/** What came over one connection, as the wire had it. */
export interface Heard {
  bytes: Buffer;
  /** Each read of the socket, in order. */
  reads: { atMs: number; bytes: Buffer }[];
  /** `fin`: the other side ended; `rst`: it reset; `open`: we stopped waiting. */
  end: 'fin' | 'rst' | 'open';
}

/** Sends bytes over a fresh socket and listens until it ends, until `enough` says so, or for `withinMs`. */
export function hear(
  port: number,
  request: string,
  withinMs = 5000,
  enough: (soFar: Buffer) => boolean = () => false,
): Promise<Heard> {
  return new Promise((resolve) => {
    const reads: Heard['reads'] = [];
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const done = (end: Heard['end']): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ bytes: Buffer.concat(reads.map((read) => read.bytes)), reads, end });
    };
    const timer = setTimeout(() => {
      done('open');
    }, withinMs);
    socket.on('data', (bytes) => {
      reads.push({ atMs: performance.now(), bytes });
      if (enough(Buffer.concat(reads.map((read) => read.bytes)))) done('open');
    });
    socket.on('end', () => {
      done('fin');
    });
    socket.on('error', () => {
      done('rst');
    });
    socket.write(request);
  });
}

export function post(path: string, body: unknown, headers: Record<string, string> = {}): string {
  const text = JSON.stringify(body);
  const lines = Object.entries({
    host: 'simulator',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text).toString(),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`;
}

export function chat(settings: string, stream = true, more: object = {}): string {
  const body = { model: 'gpt-5.4', stream, messages: [{ role: 'user', content: 'Tell me about tides.' }], ...more };
  return post('/v1/chat/completions', body, { 'x-sim': settings });
}

/** Everything after the head. */
export function bodyOf(heard: Heard): Buffer {
  return heard.bytes.subarray(heard.bytes.indexOf('\r\n\r\n') + 4);
}

/** Undoes chunked framing as far as it is whole; `ended`: the last chunk was there. */
export function dechunk(body: Buffer): { bytes: Buffer; sizes: number[]; ended: boolean } {
  const parts: Buffer[] = [];
  const sizes: number[] = [];
  let at = 0;
  for (;;) {
    const line = body.indexOf('\r\n', at);
    if (line < 0) return { bytes: Buffer.concat(parts), sizes, ended: false };
    const size = Number.parseInt(body.subarray(at, line).toString('latin1'), 16);
    if (size === 0) return { bytes: Buffer.concat(parts), sizes, ended: true };
    const part = body.subarray(line + 2, line + 2 + size);
    if (Number.isNaN(size) || part.length < size) return { bytes: Buffer.concat(parts), sizes, ended: false };
    parts.push(part);
    sizes.push(size);
    at = line + 2 + size + 2;
  }
}

/** The events of a stream that was delivered chunked. */
export function eventsOf(heard: Heard): string[] {
  return dechunk(bodyOf(heard))
    .bytes.toString('utf8')
    .split('\n\n')
    .filter((event) => event !== '');
}

export async function until<T>(what: string, look: () => T | undefined | false, withinMs = 5000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
