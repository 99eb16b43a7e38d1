/**
 * A process to be killed: appends exchanges to a journal, and notes in a file what the journal released. It never ends by
 * itself. Arguments: journal folder, file for the notes, seed, fsync policy.
 *
 * Notes, one a line: `<id> <response bytes released> <CRC-32 of them>`, and `<id> closed`.
 */
import { openSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { mintExchangeId } from '../../src/contract/ids.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JOURNAL_DEFAULTS } from '../../src/journal/options.ts';
import { systemClock } from '../../src/lib/clock.ts';

const [folder = '', notesPath = '', seed = '1', fsync = 'none'] = process.argv.slice(2);

/** mulberry32 */
let state = Number(seed);
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

const notes = openSync(notesPath, 'a');
const note = (line: string): void => {
  writeSync(notes, `${line}\n`);
};

const journal = await Journal.open({
  ...JOURNAL_DEFAULTS,
  folder,
  gatewayId: 'gw-kill',
  mode: 'strict',
  fsync: fsync === 'always' ? 'always' : 'none',
  segmentBytes: 512 * 1024,
  maxBytes: 4 * 1024 * 1024 * 1024,
  whenFull: 'refuse',
  stallAfterMs: 600_000,
  clock: systemClock,
  onSegmentSealed: () => {},
  onState: () => {},
});

async function exchange(): Promise<void> {
  const id = mintExchangeId(systemClock.nowMs());
  journal.append(id, 'opened', {
    id,
    received_at_ms: systemClock.nowMs(),
    login: 'a@example.com',
    node_id: '',
    node_name: '',
    tags: [],
    groups: [],
    identity_source: 'loopback',
    user_agent: '',
    agent: '',
    client_version: '',
    api: 'openai_chat',
    method: 'POST',
    path: '/v1/chat/completions',
    stream: false,
    request_headers: [],
    model: 'gpt-5',
    provider: 'sim',
    key_id: 'k',
    grant_ids: [],
    quotas: [],
    hooks: [],
    config_version: 'c',
    world: 1,
  });
  journal.append(id, 'request', Buffer.alloc(random(20) === 0 ? 300_000 : 2000, 1));
  let bytes = 0;
  let sum = 0;
  for (let chunks = 1 + random(30); chunks > 0; chunks--) {
    const chunk = Buffer.alloc(random(15) === 0 ? 60_000 + random(300_000) : 1 + random(400), random(256));
    bytes += chunk.length;
    sum = crc32(chunk, sum);
    const line = `${id} ${bytes} ${sum}`;
    journal.append(id, 'response', chunk);
    journal.barrier(id, () => {
      note(line);
    });
    if (random(3) > 0) await turn();
  }
  journal.append(id, 'closed', {
    state: 'complete',
    ended_at_ms: systemClock.nowMs(),
    first_byte_at_ms: null,
    status: 200,
    denied_by: null,
    attempts: [],
    edits: [],
    request_bytes: 0,
    response_bytes: bytes,
    provider_request_id: null,
    error: null,
  });
  await new Promise<void>((resolve) => {
    journal.barrier(id, () => {
      note(`${id} closed`);
      resolve();
    });
  });
  journal.forget(id);
}

async function worker(): Promise<never> {
  for (;;) await exchange();
}
await Promise.all(Array.from({ length: 8 }, worker));
