// What must hold for every text API alike, over the real binary.
import { createHash } from 'node:crypto';
import { request } from 'undici';
import { describe, expect, test } from 'vitest';
import type { BookEntry } from '../../src/simulator/books.ts';
import type { RecordRow } from '../support/gateway.ts';
import { fixture } from '../protocols/fixtures.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { PRICED, costOf, usageOf } from './price-list.ts';
import type { Priced } from './price-list.ts';
import { newTag, rawRequest } from './support.ts';
import { flow } from './text-flow.ts';
import { WIRES, WIRE_HEADERS, WIRE_NAMES } from './wires.ts';
import type { WireName } from './wires.ts';

interface Asked {
  wire: WireName;
  model?: string;
  stream: boolean;
  tag: string;
  sim: string;
}

interface Taken {
  status: number;
  encoding: string | undefined;
  length: string | undefined;
  bytes: Buffer;
}

/** No decoding: the bytes as they came. */
async function take({ wire, stream, tag, sim, ...more }: Asked): Promise<Taken> {
  const { path, body, model: usual } = WIRES[wire];
  const model = more.model ?? usual;
  const answer = await request(flow.gateway.url + path(model, stream), {
    method: 'POST',
    headers: { ...WIRE_HEADERS, 'content-type': 'application/json', 'user-agent': tag, 'x-sim': `tag=${tag};${sim}` },
    body: JSON.stringify(body(model, stream)),
  });
  const { 'content-encoding': encoding, 'content-length': length } = answer.headers;
  return {
    status: answer.statusCode,
    encoding: encoding?.toString(),
    length: length?.toString(),
    bytes: Buffer.from(await answer.body.arrayBuffer()),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const priced = PRICED.flatMap((each) =>
  each.wires.map((wire): [string, Priced, WireName] => [`${wire}: ${each.name}`, each, wire]),
);
test.concurrent.each(priced)(
  'failure mode 1: streamed and whole cost the same, by the list: %s',
  async (_name, each, wire) => {
    for (const stream of [true, false]) {
      const tag = newTag();
      expect((await take({ wire, model: each.model, stream, tag, sim: `${each.sim};events=4` })).status).toBe(200);
      expect(await flow.recordOf(tag), stream ? 'streamed' : 'whole').toMatchObject({
        api: WIRES[wire].api,
        model: each.model,
        stream,
        state: 'complete',
        usage: usageOf(each),
        usage_state: 'final',
        cost_nanodollars: String(costOf(each)),
      });
    }
  },
);

test.concurrent("failure mode 25: silence before the head and within a stream is nobody else's business", async () => {
  // uWebSockets drops what is idle for 10 s; undici and Node have limits of their own, which need minutes to show.
  const silences = ['delay=13s', 'events=2;first_event=13s'].map(async (sim) => {
    const tag = newTag();
    const taken = await take({ wire: 'messages', stream: true, tag, sim: `${sim};output=7` });
    expect(sha256(taken.bytes)).toBe((await flow.ended(tag)).sha256);
    expect(await flow.recordOf(tag)).toMatchObject({ state: 'complete', usage: { output: 7 } });
  });
  await Promise.all(silences);
});

test('failure mode 30: an answer encoded with zstd passes byte for byte, and is metered', async () => {
  const { response, expected } = fixture('sse-nasty/zstd');
  const tag = newTag();
  const taken = await take({ wire: 'messages', stream: true, tag, sim: 'fixture=sse-nasty/zstd' });
  expect(taken).toMatchObject({ status: 200, encoding: 'zstd' });
  expect(sha256(taken.bytes)).toBe(sha256(response));
  expect(await flow.recordOf(tag)).toMatchObject({ state: 'complete', usage_state: 'final', usage: expected.usage });
});

describe.each(WIRE_NAMES)('%s', (wire) => {
  const encodings = ['gzip', 'deflate', 'br'].flatMap((encoding) =>
    [true, false].map((stream): [string, string, boolean] => [stream ? 'streamed' : 'whole', encoding, stream]),
  );
  test.concurrent.each(encodings)(
    'failure mode 30: an answer %s and encoded with %s passes byte for byte under true headers, and is metered',
    async (_how, encoding, stream) => {
      const tag = newTag();
      const taken = await take({ wire, stream, tag, sim: `encoding=${encoding};input=123;output=45;events=9` });
      const entry = await flow.ended(tag);
      expect(taken).toMatchObject({ status: 200, encoding });
      expect(sha256(taken.bytes)).toBe(entry.sha256);
      if (taken.length !== undefined) expect(Number(taken.length)).toBe(taken.bytes.byteLength);
      expect(await flow.recordOf(tag)).toMatchObject({
        state: 'complete',
        usage_state: 'final',
        usage: { input_uncached: 123, output: 45 },
        response_bytes: taken.bytes.byteLength,
        response_sha256: entry.sha256,
      });
    },
  );

  test('failure mode 9: a client that leaves mid-stream pays for what its stream had told, and no more', async () => {
    const tag = newTag();
    const { path, body, model } = WIRES[wire];
    const socket = await flow.socket();
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.write(
      rawRequest(path(model, true), JSON.stringify(body(model, true)), {
        ...WIRE_HEADERS,
        'user-agent': tag,
        'x-sim': `tag=${tag};input=700;cached=50;output=90;events=400;text=${'tide'.repeat(400)};pace=15ms`,
        connection: 'keep-alive',
      }),
    );
    await until('events arrive', () => text.split('tid').length > 6);
    const watch = stopwatch();
    socket.resetAndDestroy();
    const entry = await flow.ended(tag);
    expect(entry.ending).toBe('client_left');
    // Within 100 ms on a machine of one's own (streams.alone.test.ts); the stream would have gone on for six seconds.
    expect(watch.ms()).toBeLessThan(1_000 * slowness());
    watch.stop();
    const record = await flow.recordOf(tag);
    expect(record).toMatchObject({ state: 'aborted', error: { code: 'gateway_client_gone' } });
    expectPaid(wire, record, entry);
  });
});

/** Nanodollars a token, for what the two APIs have told by then: input, cache read, output. */
const TOLD_RATES: Partial<Record<WireName, [number, number, number]>> = {
  messages: [1000, 100, 5000],
  gemini: [300, 30, 2500],
  gemini_array: [300, 30, 2500],
};

function expectPaid(wire: WireName, record: RecordRow, entry: BookEntry): void {
  const rates = TOLD_RATES[wire];
  if (rates === undefined) {
    // OpenAI's streams tell at the end: what is booked of a chat is our own estimate, and says so.
    expect(entry.usage_state).toBe('absent');
    expect(record.usage_state).toBe(wire === 'responses' ? 'absent' : 'estimated');
    expect(record.cost_nanodollars === null).toBe(wire === 'responses');
    return;
  }
  expect(record.usage_state).toBe('partial');
  const { input_uncached = 0, cache_read = 0, output = 0 } = record.usage ?? {};
  expect({ input_uncached, cache_read }).toEqual({ input_uncached: 700, cache_read: 50 });
  // The provider may have told a little more than what had arrived when the client left.
  expect(output).toBeLessThanOrEqual(entry.usage_told?.output ?? 0);
  expect(record.cost_nanodollars).toBe(String(input_uncached * rates[0] + cache_read * rates[1] + output * rates[2]));
}

test('nothing is left of any request', async () => {
  await flow.quiescent();
});
