import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { Dice } from '../support/dice.ts';
import { aRecord } from '../support/records.ts';

/*
 * A company's month of using models: forty people in six groups, working by day and resting on weekends, each with the
 * tools they like. The same for the same seed and end.
 */

export const ADMIN = 'ada@example.com';
export const USER = 'grace@example.com';

const GROUPS = ['group:platform', 'group:web', 'group:data', 'group:research', 'group:support', 'group:design'];
const NAMES =
  'ada grace alan barbara edsger donald margaret ken dennis frances john radia leslie tony niklaus adele brian lynn joan katherine dorothy mary hedy annie jean betty kay marlyn ruth evelyn shafi silvio vint tim guido bjarne yukihiro anders james rasmus'.split(
    ' ',
  );

interface Tool {
  agent: string;
  userAgent: string;
  version: string;
  api: ExchangeRecord['api'];
  path: string;
  provider: string;
  /** Model, and nanodollars for a token in and one out. */
  models: readonly (readonly [string, number, number])[];
  tools: readonly string[];
}

const TOOLS: readonly Tool[] = [
  {
    agent: 'claude-code',
    userAgent: 'claude-cli/2.1.4 (external, cli)',
    version: '2.1.4',
    api: 'anthropic_messages',
    path: '/v1/messages',
    provider: 'anthropic',
    models: [
      ['claude-sonnet-4-6', 3_000, 15_000],
      ['claude-opus-4-6', 5_000, 25_000],
      ['claude-haiku-4-5', 1_000, 5_000],
    ],
    tools: ['Read', 'Edit', 'Bash', 'Grep', 'Task'],
  },
  {
    agent: 'codex',
    userAgent: 'codex_cli_rs/0.91.0',
    version: '0.91.0',
    api: 'openai_responses',
    path: '/v1/responses',
    provider: 'openai',
    models: [
      ['gpt-5-codex', 1_250, 10_000],
      ['gpt-5-mini', 250, 2_000],
    ],
    tools: ['shell', 'apply_patch', 'update_plan'],
  },
  {
    agent: 'gemini-cli',
    userAgent: 'GeminiCLI/0.22.0',
    version: '0.22.0',
    api: 'gemini_generate_content',
    path: '/v1beta/models/gemini-2.5-pro:streamGenerateContent',
    provider: 'google',
    models: [
      ['gemini-2.5-pro', 1_250, 10_000],
      ['gemini-2.5-flash', 300, 2_500],
    ],
    tools: ['read_file', 'run_shell_command'],
  },
  {
    agent: 'opencode',
    userAgent: 'opencode/1.4.2',
    version: '1.4.2',
    api: 'openai_chat',
    path: '/v1/chat/completions',
    provider: 'openai',
    models: [
      ['gpt-5.4', 2_500, 15_000],
      ['gpt-5-mini', 250, 2_000],
    ],
    tools: ['bash', 'edit', 'webfetch'],
  },
];

interface Person {
  login: string;
  groups: string[];
  tools: readonly Tool[];
  /** The day, of those that there are, on which they began. */
  since: number;
  /** Sessions on a day of work. */
  eagerness: number;
}

function people(dice: Dice, days: number): Person[] {
  return NAMES.map((name, at) => {
    const group = GROUPS[at % GROUPS.length] ?? '';
    const favourite = TOOLS[(at * 7 + (at % 3)) % TOOLS.length] ?? TOOLS[0];
    return {
      login: `${name}@example.com`,
      groups: ['group:everyone', group],
      tools: favourite === undefined ? [] : dice.chance(0.35) ? [favourite, dice.pick(TOOLS)] : [favourite],
      since: at < 24 ? 0 : dice.below(days),
      eagerness: 0.3 + 3 * dice.fraction() ** 2,
    };
  });
}

export interface Month {
  /** About so many records. */
  records: number;
  days: number;
  seed: number;
  /** The last of them are just before. */
  endMs: number;
}

const DAY_MS = 86_400_000;
const BATCH = 500;

/** Stores the month. Answers the records, oldest first, to be counted by those who do not trust us. */
export async function storeMonth(pool: Pool, month: Month): Promise<ExchangeRecord[]> {
  const records = recordsOf(month);
  const store = createRecordStore(pool, systemClock);
  for (let from = 0; from < records.length; from += BATCH) await store.store(records.slice(from, from + BATCH));
  await pool.query('ANALYZE');
  return records;
}

export function recordsOf({ records: wanted, days, seed, endMs }: Month): ExchangeRecord[] {
  const dice = new Dice(seed);
  const all = people(dice, days);
  const sessions: ExchangeRecord[][] = [];
  const firstDayMs = Math.floor(endMs / DAY_MS) * DAY_MS - (days - 1) * DAY_MS;
  let made = 0;
  for (let round = 0; made < wanted; round += 1) {
    const dayAt = round % days;
    const dayMs = firstDayMs + dayAt * DAY_MS;
    const isWeekend = [0, 6].includes(new Date(dayMs).getUTCDay());
    for (const person of all) {
      if (person.since > dayAt || !dice.chance((isWeekend ? 0.12 : 0.8) * Math.min(1, person.eagerness))) continue;
      const atMs = dayMs + (8 + 10 * dice.fraction()) * 3_600_000;
      const session = sessionOf(dice, person, atMs).filter(({ ended_at }) => ended_at < endMs);
      sessions.push(session);
      made += session.length;
      if (made >= wanted) break;
    }
  }
  return sessions.flat().sort((left, right) => left.received_at - right.received_at);
}

/** An id of its time, whatever was made before: the gateway's own ids only ever increase. */
export function idAt(ms: number): string {
  return `${uuid7Floor(ms).slice(0, 24)}${randomBytes(6).toString('hex')}`;
}

/** An agent's work on one task: each turn resends what was said, most of it read from the cache. */
function sessionOf(dice: Dice, person: Person, atMs: number): ExchangeRecord[] {
  const tool = dice.pick(person.tools);
  const [model, inputPrice, outputPrice] = dice.pick(tool.models);
  const id = `${tool.agent}-${dice.bytes(8).toString('hex')}`;
  const turns = dice.between(1, 14);
  let context = dice.between(2_000, 18_000);
  let receivedAt = atMs;
  return Array.from({ length: turns }, (_, turn) => {
    const fresh = dice.between(200, 3_000);
    const output = dice.between(40, 1_800);
    const reasoning = dice.chance(0.4) ? dice.between(50, 900) : 0;
    const cached = turn === 0 ? 0 : context;
    context += fresh + output;
    receivedAt += dice.between(2_000, 60_000);
    const tookMs = 300 + output * 9 + dice.below(900);
    const state = dice.chance(0.955)
      ? 'complete'
      : dice.pick(['aborted', 'error', 'denied', 'blocked', 'error', 'aborted'] as const);
    const isRefused = state === 'denied' || state === 'blocked';
    const isMetered = state === 'complete' || state === 'aborted';
    const calls = isMetered && turn < turns - 1 ? dice.between(0, 2) : 0;
    const cost = fresh * inputPrice + Math.round((cached * inputPrice) / 10) + (output + reasoning) * outputPrice;
    return aRecord({
      id: idAt(receivedAt),
      received_at: receivedAt,
      first_byte_at: isRefused ? null : receivedAt + 180 + dice.below(1_400),
      ended_at: isRefused ? receivedAt + 3 : receivedAt + 1_600 + tookMs,
      login: person.login,
      node_id: `n-${person.login}`,
      node_name: `${person.login.split('@')[0] ?? ''}-laptop`,
      groups: person.groups,
      agent: tool.agent,
      client_version: tool.version,
      user_agent: tool.userAgent,
      provider: tool.provider,
      model,
      model_served: isMetered ? model : null,
      api: tool.api,
      path: tool.path,
      status: { complete: 200, aborted: 200, error: 529, denied: 403, blocked: 400 }[state],
      state,
      denied_by:
        state === 'denied' ? 'gateway_quota_exceeded' : state === 'blocked' ? 'gateway_guardrail_blocked' : null,
      usage: isMetered
        ? {
            input_uncached: fresh,
            cache_read: cached,
            cache_write_5m: 0,
            cache_write_1h: 0,
            cache_write_other: 0,
            output,
            reasoning,
            audio_in: 0,
            image_in: 0,
            audio_out: 0,
            image_out: 0,
          }
        : null,
      usage_state: state === 'complete' ? 'final' : state === 'aborted' ? 'partial' : 'absent',
      cost_nanodollars: isMetered ? String(cost) : null,
      cost_basis: `${tool.provider}/${model}`,
      session_id: id,
      session_base: id,
      stop_reason: isMetered ? (calls > 0 ? 'tool_use' : 'end_turn') : null,
      tool_calls: Array.from({ length: calls }, (_none, at) => {
        const name = dice.pick(tool.tools);
        const text = JSON.stringify({ path: `src/part-${dice.below(90)}.ts` });
        return { id: `${id}-${turn}-${at}`, name, arguments: text, bytes: text.length };
      }),
      server_tools: {},
      attempts: isRefused
        ? []
        : [{ provider: tool.provider, started_at_ms: receivedAt + 1, outcome: state === 'error' ? '529' : '200' }],
      edits: [],
      request_bytes: 4 * (context + fresh),
      response_bytes: 6 * output,
      error: state === 'error' ? { code: 'provider_error', message: 'Overloaded' } : null,
    });
  });
}
