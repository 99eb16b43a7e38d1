import { gzipSync } from 'node:zlib';
import { ResponseReader } from '../../bench/load/response-reader.ts';
import type { Dialect } from '../../src/contract/api.ts';
import { matchEndpoint } from '../../src/protocols/registry.ts';
import { connected } from '../flow/support.ts';
import { fixture, fixtureNames, requestBody } from '../protocols/fixtures.ts';
import { damaged, depthBomb } from '../support/damage.ts';
import type { Dice } from '../support/dice.ts';
import { FIXTURE, NUMBER } from './rubbish-provider.ts';

/** A request of a fixture whose API we serve. */
export interface Sample {
  fixture: string;
  dialect: Dialect;
  model: string;
  provider: 'openai' | 'anthropic' | 'gemini' | 'bedrock';
  path: string;
  /** Of the body: JSON, or a form. */
  contentType: string;
  body: Buffer;
  /** The bytes of a sound answer. */
  answer: Buffer;
}

const PROVIDERS: Partial<Record<Dialect, Sample['provider']>> = {
  anthropic: 'anthropic',
  google: 'gemini',
  aws: 'bedrock',
};

export function samples(): Sample[] {
  return fixtureNames().flatMap((name) => {
    const { request, response, expected } = fixture(name);
    const [path = '', query = ''] = request.path.split('?');
    const endpoint = matchEndpoint(request.method, path, query, () => undefined);
    if (endpoint.kind !== 'exchange') return [];
    const { dialect } = endpoint;
    const model = endpoint.model ?? expected['model_requested'];
    if (typeof model !== 'string') return [];
    const provider = PROVIDERS[dialect] ?? 'openai';
    const body = requestBody(request);
    const contentType = request.headers['content-type'] ?? 'application/json';
    // It names what nobody here has made: a 404, however sound it is.
    if (body.includes('cachedContents/')) return [];
    return [{ fixture: name, dialect, model, provider, path: request.path, contentType, body, answer: response }];
  });
}

interface Attempt {
  head: Buffer;
  body: Buffer;
  /** The head is as a client would write it: the request has its number wherever it arrives. */
  headIntact: boolean;
  /** As it was asked: then the gateway's own errors are in the API's shape. */
  pathIntact: boolean;
  /** The client leaves after so long, whatever comes; undefined: it stays. */
  leavesAfterMs: number | undefined;
  leaves: 'fin' | 'rst';
  /** It reads nothing for so long. */
  readsAfterMs: number;
}

/** What one client got. */
export interface Outcome {
  number: number;
  sample: Sample;
  headIntact: boolean;
  pathIntact: boolean;
  /** `whole`: as HTTP says; `broken`: the connection ended first; `left`: the client did; `stuck`: nothing ended. */
  end: 'whole' | 'broken' | 'left' | 'stuck' | 'not_http';
  status: number;
  /** Lower-case; empty when none came. */
  head: string;
  /** Freed of chunks; at most the last bytes of a long one. */
  body: Buffer;
  /** Of the whole of it. */
  bodyBytes: number;
}

/** A little more than the longest that any request may take: the gateway's limits, and a busy machine. */
const STUCK_AFTER_MS = 12_000;
const TAIL_BYTES = 64 * 1024;

const ODD_LINES = [
  'x-odd: \xff\xfe\xc3',
  'x-long: ' + 'l'.repeat(3000),
  'content-encoding: gzip',
  'content-encoding: zstd',
  'content-encoding: gzip, rot13',
  'accept-encoding: *;q=0, identity;q=0',
  'range: bytes=0-1',
  'content-type: text/plain; charset=utf-16',
  'connection: keep-alive, x-rubbish-number',
  'authorization: Basic \x7f',
  'user-agent: second',
  'session-id: {"a":',
  'x-codex-turn-metadata: [[[[',
  'traceparent: 00-0-0-0',
  'via: 1.1 a, 1.1 b',
];
/** What a front door may well refuse before anybody reads a body. */
const BAD_LINES = [
  'transfer-encoding: chunked',
  'content-length: 5',
  'host: evil.example',
  'origin: https://evil.example',
  'upgrade: websocket',
  'x-too-long: ' + 'l'.repeat(70_000),
  ' folded: line',
  'no colon',
  'x y: z',
  'transfer-encoding: rubbish',
];

function attemptOf(sample: Sample, number: number, dice: Dice): Attempt {
  let body: Buffer = dice.chance(0.8) ? sample.body : damagedBody(sample, dice);
  const lines = [
    'host: 127.0.0.1',
    `content-type: ${sample.contentType}`,
    'anthropic-version: 2023-06-01',
    `user-agent: ${userAgentOf(number)}`,
    `${NUMBER}: ${number}`,
    `${FIXTURE}: ${sample.fixture}`,
  ];
  const attempt: Attempt = {
    head: Buffer.alloc(0),
    body,
    headIntact: true,
    pathIntact: true,
    leavesAfterMs: dice.chance(0.12) ? dice.below(400) : undefined,
    leaves: dice.chance(0.5) ? 'fin' : 'rst',
    readsAfterMs: dice.chance(0.03) ? dice.below(1500) : 0,
  };
  if (dice.chance(0.04)) {
    lines.push('content-encoding: gzip');
    body = gzipSync(body);
    if (dice.chance(0.5)) body = damaged(body, dice);
  }
  let length = body.length;
  if (dice.chance(0.03)) {
    // Half a body: the rest never comes, or the client leaves.
    body = body.subarray(0, dice.below(body.length + 1));
  } else if (dice.chance(0.01)) length = Math.max(0, length - dice.between(1, 20));
  let path = sample.path;
  let method = 'POST';
  if (dice.chance(0.02)) {
    attempt.pathIntact = false;
    path = damaged(Buffer.from(path), dice)
      .toString('latin1')
      .replaceAll(/[\s\0]/g, '');
  }
  if (dice.chance(0.01)) {
    attempt.pathIntact = false;
    method = dice.pick(['GET', 'PUT', 'OPTIONS', 'BREW', 'post']);
  }
  lines.push(`content-length: ${length}`);
  if (dice.chance(0.1)) lines.push(dice.pick(ODD_LINES));
  if (dice.chance(0.03)) {
    attempt.headIntact = false;
    lines.splice(dice.below(lines.length), 0, dice.pick(BAD_LINES));
  }
  let head: Buffer = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (dice.chance(0.03)) {
    attempt.headIntact = false;
    attempt.pathIntact = false;
    head = damaged(head, dice);
  }
  // What may look like half a head to the front door ends when the client says that there is no more.
  if (!attempt.headIntact) attempt.leavesAfterMs ??= 1500;
  return { ...attempt, head, body };
}

function damagedBody({ body }: Sample, dice: Dice): Buffer {
  if (dice.chance(0.1)) return depthBomb(dice);
  if (dice.chance(0.05)) return dice.bytes(dice.below(2000));
  return damaged(body, dice);
}

/** With a check, so that a damaged one is nobody else's. */
export function userAgentOf(number: number): string {
  return `rubbish-${number}-${(number * 7919) % 100_003}`;
}

/** One request of one client, over a connection of its own. Never rejects. */
export async function attempt(port: number, sample: Sample, number: number, dice: Dice): Promise<Outcome> {
  const { head, body, headIntact, pathIntact, leavesAfterMs, leaves, readsAfterMs } = attemptOf(sample, number, dice);
  const socket = await connected(port);
  const outcome: Outcome = {
    number,
    sample,
    headIntact,
    pathIntact,
    end: 'stuck',
    status: 0,
    head: '',
    body: Buffer.alloc(0),
    bodyBytes: 0,
  };
  return new Promise((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    const end = (how: Outcome['end']): void => {
      if (timers.length === 0) return;
      for (const timer of timers.splice(0)) clearTimeout(timer);
      outcome.end = how;
      socket.destroy();
      resolve(outcome);
    };
    timers.push(setTimeout(end, STUCK_AFTER_MS, 'stuck'));
    if (leavesAfterMs !== undefined) {
      timers.push(
        setTimeout(() => {
          if (leaves === 'rst') socket.resetAndDestroy();
          end('left');
        }, leavesAfterMs),
      );
    }
    let heard: Buffer = Buffer.alloc(0);
    const reader = new ResponseReader({
      first: () => undefined,
      body: (bytes) => {
        // What follows is the answer to something else that the damage made.
        if (timers.length === 0) return;
        outcome.body = Buffer.concat([outcome.body, bytes]).subarray(-TAIL_BYTES);
        outcome.bodyBytes += bytes.length;
      },
      end: (status) => {
        outcome.status = status;
        end('whole');
      },
    });
    const ended = (): void => {
      try {
        reader.close();
      } finally {
        end('broken');
      }
    };
    socket.on('data', (bytes) => {
      if (outcome.head === '') {
        heard = Buffer.concat([heard, bytes]);
        const at = heard.indexOf('\r\n\r\n');
        if (at >= 0) outcome.head = heard.toString('latin1', 0, at + 2).toLowerCase();
      }
      try {
        reader.push(bytes);
      } catch {
        end('not_http');
      }
    });
    socket.on('end', ended);
    socket.on('close', ended);
    socket.write(head);
    socket.write(body);
    if (readsAfterMs > 0) {
      socket.pause();
      timers.push(setTimeout(() => socket.resume(), readsAfterMs));
    }
  });
}
