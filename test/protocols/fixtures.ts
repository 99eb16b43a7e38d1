import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { z } from 'zod';
import type { RequestFacts, ResponseFacts } from '../../src/contract/facts.ts';
import { createDecoder } from '../../src/protocols/decode.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';

const ROOT = new URL('../fixtures/', import.meta.url);

const Words = z.record(z.string(), z.string());

/** A case as `fixtures/README.md` describes it; only what the suite compares is named. */
const Expected = z.looseObject({
  case: z.string(),
  response_file: z.string(),
  response_sha256: z.string(),
  response: z.object({ status: z.int(), headers: Words }),
  usage: z.record(z.string(), z.int()).nullish(),
  text: z.string().nullish(),
  split_offsets: z.array(z.int()).optional(),
});
export type Expected = z.infer<typeof Expected>;

const Request = z.looseObject({
  method: z.string(),
  path: z.string(),
  headers: Words,
  body: z.unknown().optional(),
  body_base64: z.string().optional(),
});

export interface Fixture {
  name: string;
  expected: Expected;
  request: z.infer<typeof Request>;
  response: Buffer;
}

export function fixtureNames(): string[] {
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => readdirSync(new URL(`${entry.name}/`, ROOT)).map((file) => `${entry.name}/${file}`))
    .filter((file) => file.endsWith('.expected.json'))
    .map((file) => file.slice(0, -'.expected.json'.length))
    .sort();
}

export function fixture(name: string): Fixture {
  const json = (part: string): unknown => JSON.parse(readFileSync(new URL(`${name}.${part}.json`, ROOT), 'utf8'));
  const expected = Expected.parse(json('expected'));
  const request = Request.parse(json('request'));
  const folder = name.slice(0, name.indexOf('/') + 1);
  return { name, expected, request, response: readFileSync(new URL(folder + expected.response_file, ROOT)) };
}

const lowerCase = (headers: Record<string, string>): Map<string, string> =>
  new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

export function requestFacts(protocol: Protocol, { request }: Fixture): RequestFacts {
  const [path = '', query = ''] = request.path.split('?');
  return protocol.readRequest({
    method: request.method,
    path,
    query,
    headers: lowerCase(request.headers),
    body: requestBody(request),
  });
}

export function requestBody({ body, body_base64: raw }: Fixture['request']): Buffer {
  if (raw !== undefined) return Buffer.from(raw, 'base64');
  return Buffer.from(body === undefined || body === null ? '' : JSON.stringify(body));
}

/** Reads decoded bytes, cut as given. */
export function factsOf(
  protocol: Protocol,
  { expected }: Fixture,
  request: RequestFacts,
  chunks: Iterable<Uint8Array>,
  how: 'complete' | 'cut' = 'complete',
): ResponseFacts {
  const head = { status: expected.response.status, headers: lowerCase(expected.response.headers) };
  const reader = protocol.openResponse(head, request);
  for (const chunk of chunks) reader.push(chunk);
  return reader.end(how);
}

/** The chunks that a decoder makes of encoded chunks. */
export async function decoded(encoding: string | undefined, chunks: Iterable<Uint8Array>): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  const onBytes = (bytes: Uint8Array): unknown => out.push(Buffer.from(bytes));
  const made = createDecoder(encoding, { limitBytes: 64 * 1024 * 1024, onBytes });
  if (!made.ok) throw new Error(made.fault.code);
  for (const chunk of chunks) void made.value.push(chunk);
  const ended = await made.value.end();
  if (!ended.ok) throw new Error(ended.fault.code);
  return out;
}

const inputKinds = [
  'input_uncached',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'cache_write_other',
  'audio_in',
  'image_in',
];
const outputKinds = ['output', 'reasoning', 'audio_out', 'image_out'];

/** Facts in the words of expected.json; `expected` says which members the case has, and whether a text is a digest. */
export function inExpectedWords(
  facts: ResponseFacts,
  request: RequestFacts,
  expected: Expected,
): Record<string, unknown> {
  const usage: Record<string, number> | null = facts.usage;
  const sum = (kinds: string[]): number => kinds.reduce((total, kind) => total + (usage?.[kind] ?? 0), 0);
  const digest = `sha256:${createHash('sha256').update(facts.text, 'utf8').digest('hex')}`;
  const { results, ...usageDetail } = facts.usage_detail;
  const words: Record<string, unknown> = {
    model_requested: request.model,
    model_served: facts.model_served,
    response_id: facts.response_id,
    stop_reason: { raw: emptyIsNull(facts.stop_reason?.raw), canonical: facts.stop_reason?.canonical ?? null },
    usage,
    usage_state: facts.usage_state,
    totals: usage === null ? null : { input: sum(inputKinds), output: sum(outputKinds) },
    usage_detail: usageDetail,
    service_tier: facts.service_tier,
    // An API without text has null in the fixtures.
    text:
      expected.text === null
        ? emptyIsNull(facts.text)
        : expected.text?.startsWith('sha256:') === true
          ? digest
          : facts.text,
    tool_calls: facts.tool_calls,
    server_tools: facts.server_tools,
    error: facts.error,
    complete: facts.complete,
    terminator: facts.terminator,
    results,
  };
  return Object.fromEntries(Object.entries(words).filter(([member]) => Object.hasOwn(expected, member)));
}

/** The members of the case that the suite compares. */
export function expectedWords(expected: Expected): Record<string, unknown> {
  return Object.fromEntries(
    COMPARED.filter((member) => Object.hasOwn(expected, member)).map((member) => [member, expected[member]]),
  );
}

const COMPARED = [
  'model_requested',
  'model_served',
  'response_id',
  'stop_reason',
  'usage',
  'usage_state',
  'totals',
  'usage_detail',
  'service_tier',
  'text',
  'tool_calls',
  'server_tools',
  'error',
  'complete',
  'terminator',
  'results',
] as const;

function emptyIsNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** A small seeded generator (mulberry32), so that random cuts can be run again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function cutAt(bytes: Uint8Array, offsets: number[]): Uint8Array[] {
  const sorted = [...offsets].sort((a, b) => a - b);
  return [0, ...sorted].map((from, i) => bytes.subarray(from, sorted[i] ?? bytes.length));
}

export function randomCuts(bytes: Uint8Array, random: () => number): Uint8Array[] {
  const count = 1 + Math.floor(random() * 24);
  return cutAt(
    bytes,
    Array.from({ length: count }, () => Math.floor(random() * (bytes.length + 1))),
  );
}

/** Chunks of `size` after a first one of `first`: all such runs together have a boundary at every offset. */
export function strides(bytes: Uint8Array, size: number, first: number): Uint8Array[] {
  const chunks = [bytes.subarray(0, first)];
  for (let at = first; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}
