import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** A message of RFC 5424, read character by character: nothing here is of the code that writes it. */
export interface SyslogEvent {
  priority: number;
  time: string;
  host: string;
  app: string;
  process: string;
  kind: string;
  /** Of its structured data: the element's name, and its parameters as they were meant. */
  element: string;
  id: string;
  sequence: number;
  parameters: Record<string, string>;
  text: string;
}

/** @throws Error where the text breaks the RFC. */
export function readSyslog(text: string): SyslogEvent {
  const head =
    /^<(\d{1,3})>1 (\S{1,64}) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /.exec(
      text,
    );
  if (head === null) throw new Error(`no header: ${text.slice(0, 200)}`);
  const [whole, priority, time = '', host = '', app = '', process = '', kind = ''] = head;
  const { element, parameters, rest } = readElement(text.slice(whole.length));
  if (!rest.startsWith(' ')) throw new Error(`no space behind the structured data: ${rest.slice(0, 40)}`);
  return {
    priority: Number(priority),
    time,
    host,
    app,
    process,
    kind,
    element,
    id: parameters['id'] ?? '',
    sequence: Number(parameters['sequence']),
    parameters,
    text: rest.slice(1),
  };
}

/** `[name key="value" …]`, in which a quote, a backslash and a bracket are escaped, and nothing else. */
export function readElement(text: string): { element: string; parameters: Record<string, string>; rest: string } {
  const name = /^\[([^\s=\]"]{1,32})/.exec(text);
  if (name === null) throw new Error(`no structured data: ${text.slice(0, 40)}`);
  const parameters: Record<string, string> = {};
  let at = name[0].length;
  while (text[at] !== ']') {
    const key = /^ ([^\s=\]"]{1,32})="/.exec(text.slice(at));
    if (key === null) throw new Error(`no parameter: ${text.slice(at, at + 40)}`);
    at += key[0].length;
    let value = '';
    for (; text[at] !== '"'; at += 1) {
      if (text[at] === ']' || text[at] === undefined) throw new Error('a value does not end');
      if (text[at] === '\\') at += 1;
      value += text[at] ?? '';
    }
    parameters[key[1] ?? ''] = value;
    at += 1;
  }
  return { element: name[1] ?? '', parameters, rest: text.slice(at + 1) };
}

/** Whole messages of a stream with octet counting (RFC 6587, section 3.4.1), and the bytes behind them. */
export function readFrames(bytes: Buffer): { messages: string[]; rest: Buffer } {
  const messages: string[] = [];
  let rest = bytes;
  for (;;) {
    const space = rest.indexOf(0x20);
    if (space < 0) return { messages, rest };
    const count = rest.subarray(0, space).toString('latin1');
    if (!/^[1-9]\d*$/.test(count)) throw new Error(`no length: ${count.slice(0, 40)}`);
    const end = space + 1 + Number(count);
    if (rest.length < end) return { messages, rest };
    messages.push(rest.subarray(space + 1, end).toString('utf8'));
    rest = rest.subarray(end);
  }
}

/** A syslog receiver on a real socket, which reads what is counted and behaves as it is told. */
export interface TestSyslog {
  port: number;
  arrived: SyslogEvent[];
  /** All that there ever were. */
  connections: Socket[];
  /** With each new one, which by itself is not read from at all; by default it is. */
  connected: (socket: Socket) => void;
  /** With each message; the rest of what was read with it is thrown away where this is false. */
  took: (event: SyslogEvent, socket: Socket) => boolean;
  /** Closes the port under its senders. */
  away(): Promise<void>;
  /** Listens again, on the same port. */
  back(): Promise<void>;
}

export async function startTestSyslog(
  server: Server = createServer({ pauseOnConnect: true }),
  event = 'connection',
): Promise<TestSyslog> {
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  server.on(event, (socket: Socket) => {
    let held = Buffer.alloc(0);
    receiver.connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const { messages, rest } = readFrames(Buffer.concat([held, chunk]));
      held = Buffer.from(rest);
      for (const message of messages) {
        const one = readSyslog(message);
        receiver.arrived.push(one);
        if (!receiver.took(one, socket)) return;
      }
    });
    receiver.connected(socket);
  });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const receiver: TestSyslog = {
    port,
    arrived: [],
    connections: [],
    connected: (socket) => socket.resume(),
    took: () => true,
    away: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of receiver.connections) socket.destroy();
      }),
    back: () => listen(port),
  };
  return receiver;
}
