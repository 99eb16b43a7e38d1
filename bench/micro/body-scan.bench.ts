/**
 * How fast is a request body scanned, beside `JSON.parse` of the same bytes? Bodies up to SCAN_ON_MAIN_BYTES are scanned
 * on the thread that serves everybody. Wanted: 300 MB/s where long texts prevail, 100 MB/s where structure does.
 */
import { cpus } from 'node:os';
import { scanBody } from '../../src/protocols/body-scan.ts';

const ROUNDS = 60;
const WARM_UP_ROUNDS = 15;
/** Each round reads about this much, so that a small body is timed over many scans. */
const ROUND_BYTES = 4 * 1024 * 1024;

function chat(messages: number, text: string): Uint8Array {
  const turns = Array.from({ length: messages }, (_, i) => ({
    role: i % 2 === 0 ? 'user' : 'assistant',
    content: text,
  }));
  return Buffer.from(JSON.stringify({ model: 'gpt-5', stream: true, messages: turns, max_tokens: 512 }));
}

const PROSE = 'The quick brown fox jumps over the lazy dog, again and again. ';
const CODE = '\tconst a = {"b": [1, 2]};\n';

const bodies: [string, Uint8Array][] = [
  ['2 KB prompt', chat(1, PROSE.repeat(32))],
  ['200 KB of prose', chat(10, PROSE.repeat(330))],
  ['200 KB of code (escapes)', chat(10, CODE.repeat(600))],
  ['200 KB of Japanese', chat(10, '素早い茶色の狐が怠け者の犬を飛び越える。'.repeat(330))],
  ['one text of 4 MB (base64)', chat(1, 'iVBORw0KGgoAAAANSUhEUg+/'.repeat(170_000))],
  [
    '200 KB of small values',
    Buffer.from(
      JSON.stringify({
        model: 'm',
        tools: Array.from({ length: 4000 }, (_, i) => ({ a: i, b: [true, null, -1.5e3], c: { d: '' } })),
      }),
    ),
  ],
];

function parse(body: Uint8Array): void {
  JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
}

function scan(body: Uint8Array): void {
  const outcome = scanBody('openai_chat', body);
  if (!outcome.ok) throw new Error(`the bench's own body was refused: ${outcome.fault.code}`);
}

/** Megabytes per second of one round. */
function round(read: (body: Uint8Array) => void, body: Uint8Array): number {
  const times = Math.max(1, Math.round(ROUND_BYTES / body.length));
  const start = performance.now();
  for (let i = 0; i < times; i++) read(body);
  return (times * body.length) / 1000 / (performance.now() - start);
}

function summary(rates: number[]): string {
  const sorted = rates.toSorted((a, b) => a - b);
  const at = (share: number): string => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toString();
  // Of rates the slow end is the bad one: its 99th percentile is the first of the sorted hundred.
  return `median ${at(0.5)} MB/s, p99 ${at(0.01)}, spread ${at(0.25)}-${at(0.75)}, n=${rates.length}`;
}

console.log(`body scan: node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
for (const [name, body] of bodies) {
  const scans: number[] = [];
  const parses: number[] = [];
  for (let i = -WARM_UP_ROUNDS; i < ROUNDS; i++) {
    const scanned = round(scan, body);
    const parsed = round(parse, body);
    if (i < 0) continue;
    scans.push(scanned);
    parses.push(parsed);
  }
  console.log(`${name} (${body.length} bytes): scan ${summary(scans)} | JSON.parse ${summary(parses)}`);
}
