import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { bodyOf, dechunk, hear, post } from './raw.ts';

const folder = join(packageRoot(), 'test', 'fixtures');

interface Expected {
  response: { status: number; headers: Record<string, string> };
  response_sha256: string;
  stream: boolean;
  usage: unknown;
  split_offsets?: number[];
}

function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(join(folder, `${name}.expected.json`), 'utf8')) as Expected;
}

const names = (JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { case: string }[]).map(
  (one) => one.case,
);

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  expect(simulator.books().totals.bugs).toBe(0);
  await simulator.close();
});

function ask(name: string, settings = ''): string {
  return post('/v1/anything', {}, { 'x-sim': `fixture=${name};${settings}`, connection: 'close' });
}

test('every fixture is served with its status, headers and exact bytes', { timeout: 120_000 }, async () => {
  expect(names.length).toBeGreaterThan(50);
  for (const name of names) {
    const expected = expectedOf(name);
    // Transcripts of WebSockets are no answers.
    if (expected.response.status === 101) continue;
    const heard = await hear(simulator.port, ask(name));
    const head = heard.bytes.subarray(0, heard.bytes.indexOf('\r\n\r\n')).toString('latin1').toLowerCase();
    expect(head.split(' ')[1], name).toBe(expected.response.status.toString());
    for (const [header, value] of Object.entries(expected.response.headers)) {
      if (header !== 'content-length') expect(head, name).toContain(`${header}: ${value}`.toLowerCase());
    }
    const body = head.includes('transfer-encoding: chunked') ? dechunk(bodyOf(heard)).bytes : bodyOf(heard);
    expect(createHash('sha256').update(body).digest('hex'), name).toBe(expected.response_sha256);
  }
});

test('a fixture is cut where it says, or where the request says', async () => {
  const offsets = expectedOf('sse-nasty/crlf').split_offsets!;
  const own = dechunk(bodyOf(await hear(simulator.port, ask('sse-nasty/crlf'))));
  const edges = own.sizes.map((_, i) => own.sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
  expect(edges.slice(0, -1)).toEqual(offsets);
  const bytewise = dechunk(bodyOf(await hear(simulator.port, ask('sse-nasty/crlf', 'chunk=1'))));
  expect(bytewise.sizes.every((size) => size === 1)).toBe(true);
  expect(bytewise.bytes.equals(own.bytes)).toBe(true);
  const cut = await hear(simulator.port, ask('sse-nasty/crlf', 'cut_at=318'));
  expect(dechunk(bodyOf(cut)).bytes).toHaveLength(318);
});

test('the books have the usage that the fixture expects', async () => {
  simulator.reset();
  await hear(simulator.port, ask('anthropic-messages/stream-cache', 'tag=f'));
  const [entry] = simulator.books(0, 'f').entries;
  expect(entry).toMatchObject({ api: 'fixture', usage: expectedOf('anthropic-messages/stream-cache').usage });
});

test('no name leads out of the folder', async () => {
  for (const name of ['../package', 'openai-chat/../../x/y', 'openai-chat/none']) {
    const heard = await hear(simulator.port, ask(name));
    expect(heard.bytes.toString()).toMatch(/^HTTP\/1\.1 404/);
  }
});
