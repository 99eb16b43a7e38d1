import { expect } from 'vitest';
import type { RequestFacts, ResponseFacts } from '../../src/contract/facts.ts';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { PROTOCOLS, matchEndpoint } from '../../src/protocols/registry.ts';
import { damaged, depthBomb, inPieces } from '../support/damage.ts';
import { diceOf } from '../support/dice.ts';
import type { Dice } from '../support/dice.ts';
import { decoded, fixture, fixtureNames, requestBody } from './fixtures.ts';

/** Larger ones, cut into single bytes, would take the whole time. */
const LARGEST_BYTES = 16 * 1024;

const TYPES = [
  'text/event-stream',
  'application/json',
  'application/x-jsonl',
  'text/html',
  '',
  'application/json; q="',
];

interface Original {
  response: Buffer;
  type: string;
  status: number;
  request: Buffer;
  requestType: string;
  path: string;
  /** Of an API that we speak. */
  own: Protocol | undefined;
}

async function originals(): Promise<Original[]> {
  const all: Original[] = [];
  for (const name of fixtureNames()) {
    const { response, expected, request } = fixture(name);
    const { headers, status } = expected.response;
    const type = headers['content-type'] ?? '';
    const plain = Buffer.concat(await decoded(headers['content-encoding'], [response]));
    if (plain.length > LARGEST_BYTES) continue;
    all.push({
      response: plain,
      type,
      status,
      request: requestBody(request),
      requestType: request.headers['content-type'] ?? '',
      path: request.path,
      own: ownProtocol(request.path),
    });
  }
  return all;
}

function ownProtocol(path: string): Protocol | undefined {
  const endpoint = matchEndpoint('POST', path.split('?')[0] ?? '', '', () => undefined);
  return endpoint.kind === 'exchange' ? endpoint.protocol : undefined;
}

interface Run {
  seed: number;
  forMs: number;
  /** A busy machine goes on beyond the time. */
  atLeast?: number;
}

/** Damaged fixtures for every protocol's readers, until time is up; answers how many. A failure names its case. */
export async function fuzzReaders({ seed, forMs, atLeast = 0 }: Run): Promise<number> {
  const from = await originals();
  const until = performance.now() + forMs;
  let number = 0;
  for (; performance.now() < until || number < atLeast; number++) {
    try {
      readerCase(from, diceOf(seed, number));
    } catch (error) {
      throw new Error(`case ${number} of APERTURE_FUZZ_SEED=${seed}`, { cause: error });
    }
  }
  expect(Object.keys(Object.prototype), 'nothing was put into every object').toEqual([]);
  return number;
}

function readerCase(from: readonly Original[], dice: Dice): void {
  const original = dice.pick(from);
  const protocol = dice.chance(0.7) && original.own !== undefined ? original.own : dice.pick(PROTOCOLS);
  const request = requestFacts(protocol, original, dice);
  const bytes = dice.chance(0.02) ? depthBomb(dice) : damaged(original.response, dice);
  const head = {
    status: dice.chance(0.9) ? 200 : original.status,
    headers: new Map([['content-type', dice.chance(0.7) ? original.type : dice.pick(TYPES)]]),
  };
  const how = dice.chance(0.8) ? 'complete' : 'cut';
  const read = (pieces: readonly Buffer[]): { facts: ResponseFacts; rebuilt: unknown } => {
    const reader = protocol.openResponse(head, request);
    for (const piece of pieces) reader.push(piece);
    const facts = reader.end(how);
    return { facts, rebuilt: reader.rebuilt?.() };
  };
  const whole = read([bytes]);
  expectSound(whole.facts);
  const again = read(inPieces(bytes, dice));
  expect(textOf(again), 'the same in any chunking').toBe(textOf(whole));
}

/** Compared as text; JSON itself cannot write what nests too deep. */
function textOf({ facts, rebuilt }: { facts: ResponseFacts; rebuilt: unknown }): string {
  try {
    return JSON.stringify([facts, rebuilt]);
  } catch (error) {
    if (error instanceof RangeError) return JSON.stringify(facts);
    throw error;
  }
}

/** Never throws, and is plain data. */
function requestFacts(protocol: Protocol, original: Original, dice: Dice): RequestFacts {
  const [path = '', query = ''] = original.path.split('?');
  const facts = protocol.readRequest({
    method: 'POST',
    path: dice.chance(0.9) ? path : damaged(Buffer.from(path), dice).toString('latin1'),
    query,
    headers: new Map([
      ['session-id', dice.bytes(8).toString('latin1')],
      ['content-type', original.requestType],
    ]),
    body: dice.chance(0.02) ? depthBomb(dice) : damaged(original.request, dice),
  });
  structuredClone(facts);
  return facts;
}

function expectSound(facts: ResponseFacts): void {
  for (const kind of USAGE_KINDS) {
    const count = facts.usage?.[kind] ?? 0;
    if (!Number.isSafeInteger(count) || count < 0) throw new Error(`${kind} is ${count}`);
  }
  expect(facts.usage === null).toBe(facts.usage_state === 'absent');
  // Facts cross a thread: plain data only.
  structuredClone(facts);
}
