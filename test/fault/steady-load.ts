import { applyLoad, rawPost } from '../../bench/load/client.ts';
import type { LoadResult } from '../../bench/load/client.ts';
import type { WireName } from '../flow/wires.ts';
import { WIRES, WIRE_HEADERS } from '../flow/wires.ts';

/** APIs whose answers pass unchanged and tell their usage. */
const NAMES = ['chat', 'responses', 'messages', 'gemini'] as const satisfies readonly WireName[];

/** Every tenth request is an agent's: its context is long. */
const LONG_EVERY = 10;
const LONG_BYTES = 60_000;
const SHORT_BYTES = 400;

/** What a client did and saw of one request. `mark` stands in its record as user agent. */
export interface Asked {
  mark: string;
  stream: boolean;
  body: string;
  /** 0 while there is no whole answer. */
  status: number;
  received: string;
  /** When it was due, and how long the answer took from then on. Milliseconds. */
  dueAtMs: number;
  latencyMs: number;
}

export interface SteadyLoad {
  /** What its marks begin with. */
  name: string;
  perSecond: number;
  seconds: number;
}

/**
 * Clients that go on asking, whatever happens: unary and streamed, four APIs, each request with a mark and a text of its
 * own. `asked` fills while it runs.
 */
export function steadyLoad(
  port: number,
  { name, perSecond, seconds }: SteadyLoad,
): { asked: readonly Asked[]; done: Promise<LoadResult> } {
  const requests = Math.round(perSecond * seconds);
  const planned = Array.from({ length: requests }, (_, index) => plan(name, index));
  const asked = planned.map(({ asked }) => asked);
  const pieces: Buffer[][] = planned.map(() => []);
  const done = applyLoad({
    host: '127.0.0.1',
    port,
    connections: 500,
    arrivals: { kind: 'open', perSecond, requests },
    request: (index) => planned[index]?.bytes ?? Buffer.alloc(0),
    onBody: (index, bytes) => pieces[index]?.push(Buffer.from(bytes)),
    onAnswer: (index, status, dueAtMs, latencyMs) => {
      const one = asked[index];
      if (one === undefined) return;
      Object.assign(one, { status, dueAtMs, latencyMs, received: Buffer.concat(pieces[index] ?? []).toString() });
      pieces[index] = [];
    },
    timeoutMs: 60_000,
  });
  return { asked, done };
}

/** The same requests, for a generator in a process of its own. */
export function steadyRequests({ name, perSecond, seconds }: SteadyLoad): Uint8Array[] {
  return Array.from({ length: Math.round(perSecond * seconds) }, (_, index) => plan(name, index).bytes);
}

function plan(load: string, index: number): { asked: Asked; bytes: Buffer } {
  const name = NAMES[index % NAMES.length] ?? 'chat';
  // In fours, so that each API is asked in both ways.
  const stream = Math.floor(index / NAMES.length) % 2 === 0;
  const wire = WIRES[name];
  const mark = `${load}-${index}`;
  const text = `${mark} ${'lorem ipsum '.repeat((index % LONG_EVERY === 0 ? LONG_BYTES : SHORT_BYTES) / 12)}`;
  const body = JSON.stringify(withText(wire.body(wire.model, stream), text));
  const sim = `output=${20 + (index % 40)};events=12${stream ? ';pace=40ms' : ''}`;
  const headers = { host: '127.0.0.1', ...WIRE_HEADERS, 'user-agent': mark, 'x-sim': sim };
  return {
    asked: { mark, stream, body, status: 0, received: '', dueAtMs: 0, latencyMs: 0 },
    bytes: rawPost(wire.path(wire.model, stream), body, headers),
  };
}

/** The same request with another prompt, whatever its API calls it. */
export function withText(body: Record<string, unknown>, text: string): Record<string, unknown> {
  if ('input' in body) return { ...body, input: text };
  if ('contents' in body) return { ...body, contents: [{ role: 'user', parts: [{ text }] }] };
  return { ...body, messages: [{ role: 'user', content: text }] };
}

/** Output tokens as the provider told the client, the last time it did. */
export function toldOutput(received: string): number {
  const told = [...received.matchAll(/"(?:completion_tokens|output_tokens|candidatesTokenCount)":\s*(\d+)/g)];
  return Number(told.at(-1)?.[1]);
}
