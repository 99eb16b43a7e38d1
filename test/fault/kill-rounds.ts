import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { startProvider } from '../../bench/targets.ts';
import { ADMIN_GRANT } from '../flow/support.ts';
import { WIRES, WIRE_HEADERS, textProviders } from '../flow/wires.ts';
import type { WireName } from '../flow/wires.ts';
import { Dice } from '../support/dice.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { databaseUrl, removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { bodyOf, readInParallel } from './bodies.ts';
import { toldOutput, withText } from './steady-load.ts';

/**
 * What else dies. `process`: the gateway alone, its embedded database lives on and is adopted. `database`: Postgres dies
 * in the same moment. `redis`: jobs wait on a Redis, which lives on.
 */
export type Victims = 'process' | 'database' | 'redis';

/** One request as its client saw it; `mark` stands in its record as user agent. */
interface Seen {
  mark: string;
  body: string;
  /** Empty while no head has come: whether the gateway ever had the request is then unknown. */
  id: string;
  received: string;
  /** The answer came to its end, as its API marks it. */
  finished: boolean;
}

export interface KillReport {
  rounds: number;
  seed: number;
  victims: Victims;
  seen: Seen[];
  records: RecordRow[];
  /** Bodies as they were read back, by the record's id. */
  bodies: Map<string, { request: string; response: string }>;
}

const CONNECTIONS = 12;
const NAMES = ['chat', 'responses', 'messages', 'gemini'] as const satisfies readonly WireName[];

/** A prompt above 64 KiB is written aside in the journal, one above 256 KiB is scanned aside: such die half written. */
const PROMPT_BYTES = [200, 2_000, 20_000, 100_000, 400_000];

/** What each API's stream ends with. */
const STREAM_END: Record<(typeof NAMES)[number], string> = {
  chat: 'data: [DONE]',
  responses: '"type":"response.completed"',
  messages: '"type":"message_stop"',
  gemini: '"finishReason"',
};

/** Kills the gateway at random moments under load, and starts it again on the same data. */
export async function killRounds(rounds: number, seed: number, victims: Victims = 'process'): Promise<KillReport> {
  const dice = new Dice(seed);
  const undo: (() => unknown)[] = [];
  try {
    const dataDir = temporaryFolder();
    undo.push(() => {
      removeDataDir(dataDir);
    });
    const provider = await startProvider();
    undo.push(() => provider.stop());
    const postgres = victims === 'database' ? await startTestPostgres('kill') : undefined;
    undo.push(() => postgres?.stop());
    const redis = victims === 'redis' ? await startTestRedis() : undefined;
    undo.push(() => redis?.stop());
    const queue = redis === undefined ? undefined : await Relay.to({ path: redis.url });
    undo.push(() => queue?.close());
    const env = {
      ...(postgres === undefined ? {} : { DATABASE_URL: databaseUrl(postgres.embedded.address) }),
      ...(queue === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${queue.port}` }),
    };
    const config = { providers: textProviders(`http://127.0.0.1:${provider.port}`), grants: [ADMIN_GRANT] };
    const start = (): Promise<TestGateway> => startGateway({ dataDir, config, env });
    const seen: Seen[] = [];
    for (let round = 0; round < rounds; round++) await killRound(await start(), round, dice, seen, postgres);
    const gateway = await start();
    undo.push(() => gateway.stop());
    return { rounds, seed, victims, seen, ...(await booksOf(gateway, seen)) };
  } finally {
    for (const one of undo.reverse()) await one();
  }
}

async function killRound(
  gateway: TestGateway,
  round: number,
  dice: Dice,
  seen: Seen[],
  postgres: TestPostgres | undefined,
): Promise<void> {
  const stop = new AbortController();
  const before = seen.filter(({ finished }) => finished).length;
  const clients = Array.from({ length: CONNECTIONS }, (_, index) =>
    client(gateway.url, `kill-${round}-${index}`, dice, stop.signal, seen),
  );
  // A machine that is busy with other things answers late: the moment is drawn from what was seen, and then by time.
  const enough = before + dice.between(1, 60);
  await until('clients have their answers', () => seen.filter(({ finished }) => finished).length >= enough, 60_000);
  await sleep(dice.below(100));
  await Promise.all([gateway.kill(), postgres?.kill()]);
  stop.abort();
  await Promise.all(clients);
  await postgres?.start();
}

async function client(url: string, name: string, dice: Dice, stop: AbortSignal, seen: Seen[]): Promise<void> {
  for (let number = 0; !stop.aborted; number++) {
    const api = dice.pick(NAMES);
    const stream = dice.chance(0.7);
    const wire = WIRES[api];
    const mark = `${name}-${number}`;
    const text = `${mark} ${'x'.repeat(dice.chance(0.8) ? 200 : dice.pick(PROMPT_BYTES))}`;
    const body = JSON.stringify(withText(wire.body(wire.model, stream), text));
    const one: Seen = { mark, body, id: '', received: '', finished: false };
    seen.push(one);
    const steer = `output=${5 + dice.below(40)}; pace=${dice.below(30)}ms`;
    const headers = { 'content-type': 'application/json', ...WIRE_HEADERS, 'user-agent': mark, 'x-sim': steer };
    try {
      const path = wire.path(wire.model, stream);
      const response = await fetch(url + path, { method: 'POST', signal: stop, headers, body });
      expect(response.status).toBe(200);
      one.id = response.headers.get('x-aperture-request-id') ?? '';
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? [])
        one.received += decoder.decode(bytes as Uint8Array, { stream: true });
      one.finished = !stream || one.received.includes(STREAM_END[api]);
    } catch (error) {
      // The gateway was killed under it: what arrived of it stays as it is. A wrong status is no such thing.
      if (error instanceof Error && error.name === 'AssertionError') throw error;
      return;
    }
  }
}

/** Everything that the gateway has of it in the end: the replay of the last round reaches the database, sooner or later. */
async function booksOf(gateway: TestGateway, seen: Seen[]): Promise<Pick<KillReport, 'records' | 'bodies'>> {
  const due = seen.filter(({ id }) => id !== '').map(({ id }) => id);
  let records: RecordRow[] = [];
  await until(
    'every exchange that a client knows is listed',
    async () => {
      records = await gateway.records(0);
      const found = new Set(records.map(({ id }) => id));
      return due.every((id) => found.has(id));
    },
    120_000,
  ).catch((error: unknown) => {
    const found = new Set(records.map(({ id }) => id));
    throw new Error(`without a record: ${due.filter((id) => !found.has(id)).join(', ')}`, { cause: error });
  });
  // Those of requests of which the client had no head may still be on their way.
  await until('nothing waits', async () => {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    return ['aperture_records_waiting', 'aperture_captures_waiting'].every((name) => metrics.includes(`\n${name} 0\n`));
  });
  const bodies = new Map<string, { request: string; response: string }>();
  await readInParallel(due, async (id) => {
    const record = records.find((each) => each.id === id);
    bodies.set(id, {
      request: await bodyOf(gateway, id, 'request'),
      response: record?.response_bytes === 0 ? '' : await bodyOf(gateway, id, 'response'),
    });
  });
  return { records: await gateway.records(0), bodies };
}

/**
 * - What a client saw finish has exactly one record, `complete`, with the usage that the client was told, and both bodies
 *   byte for byte.
 * - What it saw begin has exactly one: `interrupted`; or `complete`, where the gateway had all of it before it died. Its
 *   response begins with what the client had: nothing was written to a client that is not in the journal.
 * - What it saw nothing of has one such record, or none: then the gateway never had the whole request.
 * - No id and no request stands twice.
 */
export function expectExactBooks(report: KillReport): void {
  const { rounds, seen, records, bodies } = report;
  const finished = seen.filter((one) => one.finished);
  const begun = seen.filter((one) => !one.finished && one.id !== '');
  const unanswered = seen.filter((one) => one.id === '');
  say(report, finished.length, begun.length, unanswered.length);
  expect(finished.length).toBeGreaterThan(rounds * 5);
  expect(begun.length).toBeGreaterThan(rounds / 2);
  expect(new Set(records.map(({ id }) => id)).size, 'an id stands twice').toBe(records.length);
  expect(new Set(records.map(({ user_agent }) => user_agent)).size, 'a request stands twice').toBe(records.length);
  const marks = new Set(seen.map(({ mark }) => mark));
  expect(records.filter(({ user_agent }) => !marks.has(user_agent))).toEqual([]);

  const byMark = new Map(records.map((record) => [record.user_agent, record]));
  const wrong = seen.flatMap((one) => {
    const record = byMark.get(one.mark);
    const why = wrongWith(one, record, bodies.get(one.id));
    return why === undefined ? [] : [{ why, mark: one.mark, id: one.id, state: record?.state, usage: record?.usage }];
  });
  expect(wrong).toEqual([]);
}

function wrongWith(
  one: Seen,
  record: RecordRow | undefined,
  bodies: { request: string; response: string } | undefined,
): string | undefined {
  if (record === undefined) return one.id === '' ? undefined : 'it has no record';
  if (one.id !== '' && record.id !== one.id) return 'its record has another id';
  if (record.state !== 'complete' && (one.finished || record.state !== 'interrupted')) return 'its state';
  if (record.state === 'complete' && record.usage_state !== 'final') return 'its usage is not final';
  if (one.id === '') return undefined;
  if (bodies?.request !== one.body) return 'its request is not what was sent';
  if (!bodies.response.startsWith(one.received)) return 'its response does not begin with what the client had';
  if (!one.finished) return undefined;
  if (bodies.response !== one.received) return 'its response is not what the client had';
  const output = record.usage === null ? Number.NaN : record.usage.output + record.usage.reasoning;
  return output === toldOutput(one.received) ? undefined : 'its usage is not what the client was told';
}

function say({ rounds, seed, victims, records }: KillReport, finished: number, begun: number, none: number): void {
  const states = new Map<string, number>();
  for (const { state } of records) states.set(state, (states.get(state) ?? 0) + 1);
  console.log(
    `kill -9 (${victims}): ${rounds} rounds, seed ${seed}, ${finished} seen finished, ${begun} seen begun, ` +
      `${none} without an answer, ${records.length} records ${JSON.stringify(Object.fromEntries(states))}`,
  );
}
