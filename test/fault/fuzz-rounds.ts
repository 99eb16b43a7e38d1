import { expect } from 'vitest';
import type { Dialect } from '../../src/contract/api.ts';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import { ADMIN_GRANT, PROVIDER_KEY, quiescent } from '../flow/support.ts';
import { diceOf } from '../support/dice.ts';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import type { SocketLayer } from '../support/test-socket.ts';
import { until } from '../support/until.ts';
import { attempt, samples, userAgentOf } from './rubbish-client.ts';
import type { Outcome, Sample } from './rubbish-client.ts';
import { FIXTURE, FROM_PROVIDER, NUMBER, SOUND, startRubbishProvider } from './rubbish-provider.ts';
import type { RubbishProvider } from './rubbish-provider.ts';

const CLIENTS = 32;

/** Short, so that what hangs does not hang long. */
const TIMEOUTS = { connect: '1s', first_byte: '600ms', idle: '600ms', total: '2500ms', body: '500ms' };

const MIB = 1024 * 1024;
/** So that what stays is what somebody holds, and not what V8 and malloc put off giving back. */
const EAGER_MEMORY = { NODE_OPTIONS: '--max-old-space-size=96', MALLOC_ARENA_MAX: '2' };
/** Of the process at the end, above what it had halfway, when it was idle and warm. */
const MEMORY_LEFT_BYTES = 128 * MIB;

/** Refused before acceptance: answered, counted, and without a record. */
const UNRECORDED = new Set([
  'gateway_host_refused',
  'gateway_cross_site_refused',
  'gateway_path_unknown',
  'gateway_method_not_allowed',
  'gateway_upgrade_refused',
  'gateway_headers_too_large',
  'gateway_body_timeout',
  'gateway_overloaded',
]);

/** As many connections as clients had. */
const SPOILED = CLIENTS;

/** A hostile zstd body may occupy an inspector for seconds (`decode.ts`), and a busy machine for many. */
const QUIET_WITHIN_MS = 60_000;
const STORED_WITHIN_MS = 60_000;
/** After so long of rubbish the books are judged: what is wrong is told while it is near, and a list stays short. */
const CHAPTER_MS = 30_000;

export interface FuzzOptions {
  seed: number;
  /** At least so long, and so many cases: a busy machine takes longer for them. */
  forMs: number;
  atLeast: number;
  socket: SocketLayer;
}

export interface FuzzReport {
  cases: number;
  records: number;
  ends: Record<string, number>;
}

/** What is remembered of a case until its record is looked for. */
interface Verdict {
  number: number;
  /** One, none, or at most one where the client cannot know. */
  records: 'one' | 'none' | 'any';
  id: string | undefined;
  headIntact: boolean;
}

/** What stands in the books of one stretch of time; ISO 8601, `to` is not of it. */
interface Chapter {
  from: string;
  to: string;
  records: number;
}

/**
 * Rubbish from both sides until time is up, then the judgement: nothing died, hung, leaked, or was counted twice. A
 * complaint names its case; `APERTURE_FUZZ_CASE` with the seed has that one again, alone.
 */
export async function fuzz({ seed, forMs, atLeast, socket }: FuzzOptions): Promise<FuzzReport> {
  const only = process.env['APERTURE_FUZZ_CASE'];
  const all = samples();
  const provider = await startRubbishProvider(seed);
  const gateway = await startGateway({ config: configOf(all, provider.port), env: EAGER_MEMORY, socket });
  try {
    const complaints: string[] = [];
    const complain = (what: readonly string[]): void => {
      for (const each of what) console.log(each);
      complaints.push(...what);
    };
    const ends: Record<string, number> = {};
    const port = Number(new URL(gateway.url).port);
    let cases = only === undefined ? 0 : Number(only);
    const rounds = async (goOn: () => boolean): Promise<Verdict[]> => {
      const verdicts: Verdict[] = [];
      const client = async (): Promise<void> => {
        while (goOn()) {
          const dice = diceOf(seed, cases);
          cases += 1;
          const outcome = await attempt(port, dice.pick(all), cases - 1, dice);
          ends[outcome.end] = (ends[outcome.end] ?? 0) + 1;
          if (!provider.unmarked.has(outcome.number)) complain(complaintsOf(outcome));
          verdicts.push(verdictOn(outcome, provider.unmarked));
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
      return verdicts;
    };
    const chapters: Chapter[] = [];
    const chapter = async (goOn: () => boolean): Promise<void> => {
      const from = new Date().toISOString();
      const verdicts = await rounds(goOn);
      await quiescent(gateway, QUIET_WITHIN_MS).catch((error: unknown) => {
        complain([String(error)]);
      });
      const to = new Date(Date.now() + 1).toISOString();
      const { records, missing } = await booksOf(gateway, { from, to }, verdicts, provider.seen);
      complain(missing);
      chapters.push({ from, to, records });
    };
    const half = async (least: number): Promise<void> => {
      const each = forMs / 2 / Math.ceil(forMs / 2 / CHAPTER_MS);
      const endAt = performance.now() + forMs / 2;
      while (performance.now() < endAt || cases < least) {
        const stopAt = performance.now() + each;
        await chapter(() => performance.now() < stopAt);
      }
    };
    if (only === undefined) await half(atLeast / 2);
    else await chapter(() => cases === Number(only));
    const warmBytes = await residentBytes(gateway);
    if (only === undefined) await half(atLeast);
    for (const { from, to, records } of chapters) {
      const now = await gateway.records(records, windowOf({ from, to }));
      if (now.length !== records) complain([`from ${from} to ${to}: ${records} records became ${now.length}`]);
    }
    expect(complaints.slice(0, 20)).toEqual([]);
    await expectSound(gateway, all);
    await expectMemory(gateway, warmBytes);
    return { cases, records: chapters.reduce((sum, { records }) => sum + records, 0), ends };
  } catch (error) {
    throw new Error(`APERTURE_FUZZ_SEED=${seed}\n${gateway.output().slice(-4000)}`, { cause: error });
  } finally {
    await gateway.stop();
    await provider.close();
  }
}

type Window = Pick<Chapter, 'from' | 'to'>;

function windowOf({ from, to }: Window): string {
  return `&from=${from}&to=${to}`;
}

async function booksOf(
  gateway: TestGateway,
  window: Window,
  verdicts: readonly Verdict[],
  seen: RubbishProvider['seen'],
): Promise<{ records: number; missing: string[] }> {
  let records: RecordRow[] = [];
  let missing: string[] = [];
  await until(
    'the books are as they should be',
    async () => {
      records = await gateway.records(0, windowOf(window));
      missing = complaintsOfBooks(verdicts, records, seen);
      return missing.length === 0;
    },
    STORED_WITHIN_MS,
    // Then `missing` says what is not.
  ).catch(() => undefined);
  return { records: records.length, missing };
}

function configOf(all: readonly Sample[], port: number): unknown {
  const modelsOf = (provider: Sample['provider']): string[] => [
    ...new Set(all.filter((sample) => sample.provider === provider).map(({ model }) => model)),
  ];
  const common = { baseurl: `http://127.0.0.1:${port}`, apikey: PROVIDER_KEY };
  return {
    providers: {
      openai: {
        ...common,
        models: modelsOf('openai'),
        compatibility: { openai_chat: true, openai_responses: true },
      },
      anthropic: {
        ...common,
        models: modelsOf('anthropic'),
        compatibility: { openai_chat: false, anthropic_messages: true, google_raw_predict: true },
      },
      gemini: {
        ...common,
        models: modelsOf('gemini'),
        compatibility: { openai_chat: false, gemini_generate_content: true },
      },
      bedrock: {
        ...common,
        models: modelsOf('bedrock'),
        compatibility: { openai_chat: false, bedrock_converse: true, bedrock_model_invoke: true },
      },
    },
    grants: [ADMIN_GRANT],
    server: { timeouts: TIMEOUTS, limits: { body_bytes: '1MiB' } },
  };
}

async function residentBytes(gateway: TestGateway): Promise<number> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(/^aperture_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
}

function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r]*)\r\n`).exec(head)?.[1];
}

/** The gateway's own answers have its id, and not the provider's mark. */
function isOwn({ head }: Outcome): boolean {
  return headerOf(head, 'x-aperture-request-id') !== undefined && headerOf(head, FROM_PROVIDER) === undefined;
}

function complaintsOf(outcome: Outcome): string[] {
  const { number, sample, end, status, pathIntact, head, body, bodyBytes } = outcome;
  const complain = (what: string): string[] => [
    `case ${number} (${sample.fixture}): ${what}: ${body.toString('latin1').slice(-300)}`,
  ];
  if (end === 'stuck' || end === 'not_http') return complain(`${end} after ${bodyBytes} bytes of ${head}`);
  if (!isOwn(outcome) || end !== 'whole') {
    return pathIntact ? ownLastEvent(outcome).flatMap(complain) : [];
  }
  if (status < 400) return complain(`an answer of our own with status ${status}`);
  const awsClass = awsClassOf(outcome);
  if (awsClass !== undefined) return awsClass === 'InternalServerException' ? complain('internal error') : [];
  const code = ownCode(outcome);
  if (code === undefined) return complain(`no error in the shape of ${sample.dialect}`);
  return code.toLowerCase() === 'gateway_internal' ? complain('internal error') : [];
}

/** AWS's errors have a class in a header and a message, and no place for a code; undefined where it is none of them. */
function awsClassOf({ head, body }: Outcome): string | undefined {
  const message = member(parsed(body.toString()), 'message');
  return typeof message === 'string' ? headerOf(head, 'x-amzn-errortype') : undefined;
}

/** The code of an error in the caller's own shape; of any shape where the path says nothing of it. */
function ownCode({ sample, pathIntact, body }: Outcome): string | undefined {
  const json = parsed(body.toString());
  const shapes: Dialect[] = pathIntact
    ? [sample.dialect, 'plain']
    : ['openai', 'openai_responses', 'anthropic', 'google', 'plain'];
  return shapes.map((dialect) => codeIn(dialect, json)).find((code) => code !== undefined);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Then it is no error in anybody's shape.
    return undefined;
  }
}

function member(value: unknown, ...keys: string[]): unknown {
  let at = value;
  for (const key of keys) {
    if (at === null || typeof at !== 'object') return undefined;
    at = Object.entries(at).find(([name]) => name === key)?.[1];
  }
  return at;
}

/** wire-formats.md, section 12. */
function codeIn(dialect: Dialect, json: unknown): string | undefined {
  const text = (...keys: string[]): string | undefined => {
    const found = member(json, ...keys);
    return typeof found === 'string' ? found : undefined;
  };
  switch (dialect) {
    case 'openai':
    case 'openai_responses':
      return text('error', 'message') === undefined || text('error', 'type') === undefined
        ? undefined
        : text('error', 'code');
    case 'anthropic':
      return text('type') !== 'error' || text('error', 'type') === undefined
        ? undefined
        : text('error', 'details', 'error_code');
    case 'google': {
      const details = member(json, 'error', 'details');
      const reason: unknown = Array.isArray(details) ? member(details[0], 'reason') : undefined;
      return typeof member(json, 'error', 'code') === 'number' && typeof reason === 'string'
        ? reason.toLowerCase()
        : undefined;
    }
    default:
      return text('code');
  }
}

/** A stream that we ended says so in an event of its API. */
function ownLastEvent({ sample, body }: Outcome): string[] {
  const text = body.toString();
  if (!text.includes('(server.timeouts.')) return [];
  if (sample.dialect === 'aws')
    return text.includes(':exception-type') ? [] : ['a last frame of our own that is no exception'];
  const data = text.slice(text.lastIndexOf('data: ') + 'data: '.length).trimEnd();
  const json = parsed(data);
  const code = sample.dialect === 'openai_responses' ? member(json, 'code') : codeIn(sample.dialect, json);
  return code === 'gateway_upstream_timeout' ? [] : ['a last event of our own in another shape'];
}

function verdictOn(outcome: Outcome, unmarked: ReadonlySet<number>): Verdict {
  const { number, end, head, headIntact } = outcome;
  const id = headerOf(head, 'x-aperture-request-id');
  const expected = (records: Verdict['records']): Verdict => ({ number, records, id, headIntact });
  if (id === undefined) return expected('any');
  if (!isOwn(outcome) || unmarked.has(number)) return expected('one');
  const code = end === 'whole' ? ownCode(outcome) : undefined;
  if (code === undefined || !headIntact) return expected('any');
  const unread = code === 'gateway_body_too_large' && !outcome.body.toString().includes('after decompression');
  return expected(UNRECORDED.has(code) || unread ? 'none' : 'one');
}

function complaintsOfBooks(
  verdicts: readonly Verdict[],
  records: readonly RecordRow[],
  seen: RubbishProvider['seen'],
): string[] {
  const complaints: string[] = [];
  const byId = new Set(records.map(({ id }) => id));
  if (byId.size !== records.length) complaints.push('an id is listed twice');
  const byAgent = new Map<string, number>();
  for (const { user_agent } of records) byAgent.set(user_agent, (byAgent.get(user_agent) ?? 0) + 1);
  for (const { number, records: expected, id } of verdicts) {
    if (id !== undefined && expected === 'one' && !byId.has(id)) complaints.push(`case ${number}: no record ${id}`);
    if (id !== undefined && expected === 'none' && byId.has(id)) complaints.push(`case ${number}: a record ${id}`);
    const found = byAgent.get(userAgentOf(number)) ?? 0;
    if (found > 1) complaints.push(`case ${number}: ${found} records`);
  }
  for (const { number, headIntact } of verdicts) {
    // A damaged head may name itself, and its number, otherwise.
    const recorded = !headIntact || !seen.has(number) || byAgent.has(userAgentOf(number));
    if (!recorded) complaints.push(`case ${number} was sent without a record`);
  }
  return complaints.concat(records.flatMap(oddMoney));
}

function oddMoney({ id, usage, cost_nanodollars: cost }: RecordRow): string[] {
  const odd = USAGE_KINDS.filter((kind) => !Number.isSafeInteger(usage?.[kind] ?? 0) || (usage?.[kind] ?? 0) < 0);
  return odd.length > 0 || cost?.startsWith('-') === true ? [`${id}: ${JSON.stringify({ usage, cost })}`] : [];
}

/** The process is as it was: threads, log, and ordinary requests. */
async function expectSound(gateway: TestGateway, all: readonly Sample[]): Promise<void> {
  expect(gateway.output()).not.toMatch(/unhandled rejection|internal error|booked without facts|failed/i);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/^aperture_inspector_restarts_total 0$/m);
  for (const sample of all) {
    let { response, text } = await askSound(gateway, sample);
    // A connection that rubbish has spoiled may be in the pool still, and shows it when it is used: each does so once.
    for (let again = 0; again < SPOILED && response.status === 502; again++) {
      ({ response, text } = await askSound(gateway, sample));
    }
    expect(headerOf(headLines(response), FROM_PROVIDER), `${sample.fixture}: ${response.status} ${text}`).toBe('1');
  }
}

async function askSound(gateway: TestGateway, sample: Sample): Promise<{ response: Response; text: string }> {
  const response = await fetch(gateway.url + sample.path, {
    method: 'POST',
    headers: {
      'content-type': sample.contentType,
      'anthropic-version': '2023-06-01',
      [SOUND]: '1',
      [NUMBER]: '-1',
      [FIXTURE]: sample.fixture,
    },
    body: new Uint8Array(sample.body),
  });
  return { response, text: (await response.text()).slice(0, 300) };
}

async function expectMemory(gateway: TestGateway, warmBytes: number): Promise<void> {
  let bytes = 0;
  const near = async (): Promise<boolean> => {
    bytes = await residentBytes(gateway);
    return bytes < warmBytes + MEMORY_LEFT_BYTES;
  };
  const said = (): string =>
    `memory: ${Math.round(warmBytes / MIB)} MiB halfway, ${Math.round(bytes / MIB)} MiB at the end`;
  await until('memory is near what it was', near, 60_000).catch((error: unknown) => {
    throw new Error(said(), { cause: error });
  });
  console.log(said());
}

function headLines(response: Response): string {
  return `\r\n${[...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('\r\n')}`;
}
