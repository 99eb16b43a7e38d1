import { expect } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../bench/targets.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { RecordRow } from '../support/gateway.ts';
import { removeDataDir } from '../support/postgres.ts';
import { startSimulator } from '../../src/simulator/provider.ts';

/** What a client knows of a request that it saw finish. */
interface Finished {
  id: string;
  outputTokens: number;
}

export interface KillReport {
  rounds: number;
  seed: number;
  finished: Finished[];
  /** Ids of which the client saw a beginning, but no end. */
  begun: string[];
  records: RecordRow[];
}

const CONNECTIONS = 16;

/** Seeded, so that a failing run can be run again: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Kills the gateway at random moments under load, and starts it again on the same data. */
export async function killRounds(rounds: number, seed: number): Promise<KillReport> {
  const random = seeded(seed);
  const dataDir = temporaryFolder();
  const simulator = await startSimulator({ host: '127.0.0.1', port: await freePort() });
  const config = {
    providers: {
      openai: { baseurl: simulator.url, apikey: 'sk-test', models: ['gpt-5-mini'] },
      anthropic: {
        baseurl: simulator.url,
        apikey: 'sk-test',
        models: ['claude-haiku-4-5'],
        compatibility: { openai_chat: false, anthropic_messages: true },
      },
    },
    grants: [
      {
        src: ['(loopback)'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: '**' }, { read_metrics: true }] },
      },
    ],
  };
  const finished: Finished[] = [];
  const begun: string[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const gateway = await startGateway({ dataDir, config });
      const stop = new AbortController();
      const clients = Array.from({ length: CONNECTIONS }, (_, index) =>
        client(gateway.url, index, random, stop.signal, finished, begun),
      );
      await sleep(150 + random() * 500);
      await gateway.kill();
      stop.abort();
      await Promise.all(clients);
    }
    const gateway = await startGateway({ dataDir, config });
    // The replay of the last round ends in the database: every finished request is listed sooner or later, or never.
    const ids = new Set(finished.map(({ id }) => id));
    let records: RecordRow[] = [];
    for (let tries = 0; tries < 100; tries++) {
      records = await gateway.records(0);
      const found = new Set(records.map(({ id }) => id));
      if ([...ids, ...begun].every((id) => found.has(id))) break;
      await sleep(100);
    }
    await gateway.stop();
    return { rounds, seed, finished, begun, records };
  } finally {
    await simulator.close();
    removeDataDir(dataDir);
  }
}

async function client(
  url: string,
  index: number,
  random: () => number,
  stop: AbortSignal,
  finished: Finished[],
  begun: string[],
): Promise<void> {
  while (!stop.aborted) {
    const kind = Math.floor(random() * 3);
    const tokens = 5 + Math.floor(random() * 40);
    const steer = `output=${tokens}; pace=${Math.floor(random() * 8)}ms`;
    let id = '';
    try {
      const anthropic = kind === 2;
      const response = await fetch(url + (anthropic ? '/v1/messages' : '/v1/chat/completions'), {
        method: 'POST',
        signal: stop,
        headers: { 'content-type': 'application/json', 'x-sim': steer },
        body: JSON.stringify({
          model: anthropic ? 'claude-haiku-4-5' : 'gpt-5-mini',
          max_tokens: 4096,
          stream: kind !== 0,
          ...(kind === 1 ? { stream_options: { include_usage: true } } : {}),
          messages: [{ role: 'user', content: `client ${index}: ${random()}` }],
        }),
      });
      id = response.headers.get('x-aperture-request-id') ?? '';
      const text = await response.text();
      if (response.status !== 200) continue;
      const outputTokens = outputOf(text);
      if (outputTokens !== undefined) finished.push({ id, outputTokens });
      else begun.push(id);
    } catch {
      // The gateway was killed under it: what arrived of it is not whole.
      if (id !== '') begun.push(id);
    }
  }
}

/** Output tokens as the provider told the client; undefined when the answer is not whole. */
function outputOf(text: string): number | undefined {
  if (text.startsWith('{')) {
    return (JSON.parse(text) as { usage: { completion_tokens: number } }).usage.completion_tokens;
  }
  if (!text.includes('data: [DONE]') && !text.includes('event: message_stop')) return undefined;
  const counts = [...text.matchAll(/"(?:completion_tokens|output_tokens)":(\d+)/g)];
  return Number(counts.at(-1)?.[1]);
}

/** Every request that a client saw finish has one complete record with the usage it was told; no id stands twice. */
export function expectExactBooks({ rounds, seed, finished, begun, records }: KillReport): void {
  const byId = new Map(records.map((record) => [record.id, record]));
  const states = new Map<string, number>();
  for (const { state } of records) states.set(state, (states.get(state) ?? 0) + 1);
  console.log(
    `kill -9: ${rounds} rounds, seed ${seed}, ${finished.length} seen finished, ${begun.length} seen begun, ` +
      `${records.length} records ${JSON.stringify(Object.fromEntries(states))}`,
  );
  expect(finished.length).toBeGreaterThan(rounds * 10);
  expect(byId.size, 'an id stands twice').toBe(records.length);
  const wrong = finished
    .map(({ id, outputTokens }) => ({ id, outputTokens, record: byId.get(id) }))
    .filter(({ outputTokens, record }) => {
      const usage = record?.usage;
      const output = usage === null || usage === undefined ? Number.NaN : usage.output + usage.reasoning;
      return record?.state !== 'complete' || record.usage_state !== 'final' || output !== outputTokens;
    })
    .map(({ id, outputTokens, record }) => ({ id, outputTokens, state: record?.state, usage: record?.usage }));
  expect(wrong).toEqual([]);
  const missing = begun.filter((id) => !byId.has(id));
  expect(missing, 'begun and without a record').toEqual([]);
}
