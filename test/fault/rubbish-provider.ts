import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { fixture, fixtureNames } from '../protocols/fixtures.ts';
import type { Fixture } from '../protocols/fixtures.ts';
import { damaged, depthBomb, inPieces } from '../support/damage.ts';
import { diceOf } from '../support/dice.ts';
import type { Dice } from '../support/dice.ts';

/** A provider that answers with rubbish, whose kind follows from the seed and the number that the request brings. */
export interface RubbishProvider {
  port: number;
  /** Numbers of the requests that arrived whole. */
  seen: ReadonlySet<number>;
  /** Of those, the ones whose answers have no head that can be trusted to bring the provider's mark. */
  unmarked: ReadonlySet<number>;
  close(): Promise<void>;
}

/** Headers of a request: its number, the fixture that it asks for, and that this one is to be left as it is. */
export const NUMBER = 'x-rubbish-number';
export const FIXTURE = 'x-rubbish-fixture';
export const SOUND = 'x-rubbish-sound';
/** In every answer's head that can be read, so that it is known from the gateway's own. */
export const FROM_PROVIDER = 'x-rubbish';

/** Another stream of chance than the client's of the same number. */
const PROVIDER_SALT = 0x51ed270b;

const HEARTBEAT_MS = 20;
const BOMB_BYTES = 8 * 1024 * 1024;
const GIANT_LINE_BYTES = 6 * 1024 * 1024;

/** Made once: each is a little rubbish that becomes a lot. */
const BOMBS: readonly { encoding: string; bytes: Buffer }[] = [
  { encoding: 'gzip', bytes: gzipSync(Buffer.alloc(BOMB_BYTES, 'x')) },
  { encoding: 'br', bytes: brotliCompressSync(Buffer.alloc(BOMB_BYTES, 'data: {}\n\n')) },
  { encoding: 'deflate', bytes: deflateSync(Buffer.alloc(BOMB_BYTES, '[')) },
];

export async function startRubbishProvider(seed: number): Promise<RubbishProvider> {
  const sockets = new Set<Socket>();
  const seen = new Set<number>();
  const unmarked = new Set<number>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // What the gateway breaks off is its own business.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    serve(socket, seed, seen, unmarked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the provider listens on no port');
  return {
    port: address.port,
    seen,
    unmarked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(socket: Socket, seed: number, seen: Set<number>, unmarked: Set<number>): void {
  let held = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    held = Buffer.concat([held, bytes]);
    const headEnd = held.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = held.toString('latin1', 0, headEnd + 2);
    const length = Number(headerOf(head, 'content-length') ?? '0');
    if (held.length < headEnd + 4 + length) return;
    held = held.subarray(headEnd + 4 + length);
    const number = Number(headerOf(head, NUMBER) ?? Number.NaN);
    if (Number.isSafeInteger(number)) seen.add(number);
    const asked = fixtureOf(headerOf(head, FIXTURE));
    // Rubbish for a request that has lost its number could be blamed on nobody.
    if (headerOf(head, SOUND) !== undefined || !Number.isSafeInteger(number)) {
      socket.write(sound(asked));
      return;
    }
    const dice = diceOf(seed ^ PROVIDER_SALT, number);
    const answer = rubbish(asked, dice);
    if (!answer.marked) unmarked.add(number);
    void send(socket, answer, dice);
  });
}

function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r]*)\r\n`, 'i').exec(head)?.[1];
}

const DEFAULT_FIXTURE = 'openai-chat/unary-basic';
const fixtures = new Map(fixtureNames().map((name) => [name, fixture(name)]));

/** The client's word, if it came through. */
function fixtureOf(name: string | undefined): Fixture {
  return fixtures.get(name ?? DEFAULT_FIXTURE) ?? fixture(DEFAULT_FIXTURE);
}

interface Answer {
  /** Before the head proper: 1xx heads, or nothing. */
  before: string;
  head: Buffer;
  body: Buffer[];
  /** What happens once all is written; `silence`: nothing is written at all. */
  then: 'keep' | 'fin' | 'rst' | 'silence' | 'heartbeats';
  /** Before anything is written. */
  afterMs: number;
  marked: boolean;
}

function sound({ expected, response }: Fixture): Buffer {
  const headers = { ...expected.response.headers, [FROM_PROVIDER]: '1', 'content-length': String(response.length) };
  return Buffer.concat([headBytes(`HTTP/1.1 ${expected.response.status} OK`, headers), response]);
}

interface Content {
  bytes: Buffer;
  type: string;
  encoding: string | undefined;
}

const TYPES = [
  'text/event-stream',
  'application/json',
  'application/x-jsonl',
  'text/html',
  'image/png',
  '',
  ';;=',
  '*/*',
];
const STATUSES = [201, 204, 206, 301, 304, 400, 401, 404, 408, 413, 429, 500, 502, 503, 529, 599, 600, 999, 0];
const STATUS_LINES = [
  'HTTP/2 200 OK',
  'HTTP/1.1 2x0 OK',
  'HTTP/1.0 200',
  'ICY 200 OK',
  '\x16\x03\x01\x02',
  '{"error":{}}',
];

function rubbish(asked: Fixture, dice: Dice): Answer {
  const content = contentOf(asked, dice);
  const headers: Record<string, string> = { [FROM_PROVIDER]: '1' };
  const type = dice.chance(0.85) ? content.type : dice.pick(TYPES);
  if (type !== '') headers['content-type'] = type;
  if (content.encoding !== undefined) headers['content-encoding'] = content.encoding;
  const status = dice.chance(0.85) ? asked.expected.response.status : dice.pick(STATUSES);
  const framed = framedBody(content.bytes, headers, dice);
  oddHeaders(headers, dice);
  let head = headBytes(dice.chance(0.97) ? `HTTP/1.1 ${status} Rubbish` : dice.pick(STATUS_LINES), headers);
  const marked = dice.chance(0.96);
  if (!marked) head = damaged(head, dice);
  return {
    before: dice.chance(0.05) ? earlyHeads(dice) : '',
    head,
    body: cutShort(framed, dice),
    then: endOf(framed.closes, dice),
    afterMs: dice.chance(0.1) ? dice.between(1, 300) : 0,
    marked: marked && headers['connection'] !== FROM_PROVIDER,
  };
}

function contentOf(asked: Fixture, dice: Dice): Content {
  const { headers } = asked.expected.response;
  const type = headers['content-type'] ?? '';
  const own = headers['content-encoding'];
  const draw = dice.fraction();
  if (draw < 0.004) return { type, ...dice.pick(BOMBS) };
  if (draw < 0.01) return { type, encoding: undefined, bytes: Buffer.alloc(GIANT_LINE_BYTES, 'data: {"x":"y') };
  if (draw < 0.03) return { type, encoding: undefined, bytes: depthBomb(dice) };
  if (draw < 0.05) return { type, encoding: own, bytes: dice.bytes(dice.below(3000)) };
  const bytes = dice.chance(0.3) ? asked.response : damaged(asked.response, dice);
  if (own !== undefined) return { type, encoding: own, bytes };
  if (dice.chance(0.25)) return { type, ...encoded(bytes, dice) };
  return { type, encoding: undefined, bytes };
}

/** Truly encoded, broken after that, or only called so. */
function encoded(bytes: Buffer, dice: Dice): { encoding: string; bytes: Buffer } {
  const [encoding, encode] = dice.pick([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const);
  const whole = encode(bytes);
  const draw = dice.fraction();
  if (draw < 0.4) return { encoding, bytes: whole };
  if (draw < 0.7) return { encoding, bytes: damaged(whole, dice) };
  if (draw < 0.8) return { encoding: 'gzip, br, zstd', bytes: whole };
  return { encoding: dice.pick([encoding, 'zstd', 'compress', 'identity', 'gzip,gzip,gzip,gzip', '\xff']), bytes };
}

interface Framed {
  bytes: Buffer;
  /** Only the end of the connection ends this body. */
  closes: boolean;
}

/** Says in the headers, truly or not, where the body ends. */
function framedBody(bytes: Buffer, headers: Record<string, string>, dice: Dice): Framed {
  const draw = dice.fraction();
  if (draw < 0.35) {
    headers['content-length'] = String(bytes.length);
    return { bytes, closes: false };
  }
  if (draw < 0.42) {
    headers['content-length'] = dice.pick([
      String(bytes.length + dice.between(1, 500)),
      String(Math.max(0, bytes.length - dice.between(1, 50))),
      '-1',
      '99999999999999999999',
      '5, 5',
      'x',
    ]);
    return { bytes, closes: true };
  }
  if (draw < 0.5) return { bytes, closes: true };
  headers['transfer-encoding'] = dice.chance(0.98)
    ? 'chunked'
    : dice.pick(['gzip, chunked', 'identity', 'chunked, chunked']);
  const chunked = inChunks(bytes, dice);
  return { bytes: dice.chance(0.9) ? chunked : damaged(chunked, dice), closes: false };
}

function inChunks(bytes: Buffer, dice: Dice): Buffer {
  const size = dice.pick([1, 40, 1000, bytes.length]);
  // One byte a chunk of megabytes would measure this provider.
  const chunk = Math.max(1, bytes.length > 100_000 ? 65_536 : size);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    const piece = bytes.subarray(at, at + chunk);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function oddHeaders(headers: Record<string, string>, dice: Dice): void {
  if (dice.chance(0.03)) headers['x-huge'] = 'h'.repeat(dice.pick([9000, 40_000, 70_000]));
  if (dice.chance(0.02)) for (let i = 0; i < 300; i++) headers[`x-many-${i}`] = 'm';
  if (dice.chance(0.02)) headers['connection'] = dice.pick(['close', 'upgrade', 'keep-alive, close', FROM_PROVIDER]);
  if (dice.chance(0.02))
    headers['x-bytes'] = dice
      .bytes(30)
      .toString('latin1')
      .replaceAll(/[\r\n\0]/g, '');
  if (dice.chance(0.02))
    headers['keep-alive'] = dice.pick(['timeout=0', 'timeout=-1', 'timeout=99999999', 'timeout=x']);
  if (dice.chance(0.02)) headers['retry-after'] = dice.pick(['-1', 'never', '1e99']);
}

function earlyHeads(dice: Dice): string {
  return `HTTP/1.1 ${dice.pick([100, 102, 103, 199])} Early\r\nlink: <x>\r\n\r\n`.repeat(dice.pick([1, 3, 60]));
}

/** In pieces, and not always all of them. */
function cutShort({ bytes }: Framed, dice: Dice): Buffer[] {
  const sent = dice.chance(0.12) ? bytes.subarray(0, dice.below(bytes.length + 1)) : bytes;
  if (sent.length > 50_000 || dice.chance(0.5)) return [sent];
  // Many pieces take many turns: this one has a bound.
  return inPieces(sent, dice).slice(0, 400);
}

function endOf(closes: boolean, dice: Dice): Answer['then'] {
  const draw = dice.fraction();
  if (draw < 0.02) return 'silence';
  if (draw < 0.05) return 'heartbeats';
  if (draw < 0.12) return 'rst';
  return closes || draw < 0.3 ? 'fin' : 'keep';
}

function headBytes(statusLine: string, headers: Record<string, string>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${statusLine}\r\n${lines.join('')}\r\n`, 'latin1');
}

async function send(socket: Socket, answer: Answer, dice: Dice): Promise<void> {
  if (answer.then === 'silence') return;
  if (answer.afterMs > 0) await sleep(answer.afterMs);
  socket.write(answer.before, 'latin1');
  for (const piece of dice.chance(0.1) ? inPieces(answer.head, dice).slice(0, 200) : [answer.head]) {
    socket.write(piece);
    if (dice.chance(0.05)) await turn();
  }
  for (const piece of answer.body) {
    if (socket.destroyed) return;
    socket.write(piece);
    if (dice.chance(0.3)) await turn();
  }
  switch (answer.then) {
    case 'fin':
      socket.end();
      return;
    case 'rst':
      socket.resetAndDestroy();
      return;
    case 'heartbeats':
      while (!socket.destroyed && socket.writable) {
        socket.write('9\r\n: alive\n\n\r\n');
        await sleep(HEARTBEAT_MS);
      }
      return;
    case 'keep':
      return;
  }
}
