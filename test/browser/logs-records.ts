import type { Pool } from 'pg';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { aRecord } from '../support/records.ts';
import { ADMIN, idAt, USER } from './organisation.ts';

/*
 * Sessions that a month by chance does not have: tools with results, sub-agents, a thousand turns, names that harm.
 */

export const TOLD = { session: 'refactor-42', turns: 24, failedTurn: 17, subAgent: 'a1-explorer' };
export const LONG = { session: 'marathon', turns: 1_000 };
export const SHARED = 'work';
export const HOSTILE = {
  session: '<i>"&\u202e',
  model: '<script>alert(1)</script>\u202egpt',
  tool: '<img src=x onerror=alert(2)>',
};

const NO_USAGE = { cache_write_1h: 0, cache_write_other: 0, audio_in: 0, image_in: 0, audio_out: 0, image_out: 0 };
const HOUR_MS = 3_600_000;

/** Stored as if they had ended some hours before `endMs`. */
export async function storeStories(pool: Pool, endMs: number): Promise<void> {
  const records = [
    ...told(endMs - 6 * HOUR_MS),
    ...children(endMs - 6 * HOUR_MS + 40_000),
    ...marathon(endMs - 12 * HOUR_MS),
    ...[ADMIN, USER].map((login, at) => turn(endMs - HOUR_MS + at * 1000, { login, session_id: SHARED })),
    turn(endMs - HOUR_MS + 5000, {
      login: USER,
      session_id: HOSTILE.session,
      model: HOSTILE.model,
      agent: HOSTILE.tool,
      tool_calls: [{ id: 'h', name: HOSTILE.tool, arguments: '{}', bytes: 2 }],
    }),
  ];
  await createRecordStore(pool, systemClock).store(records.sort((left, right) => left.received_at - right.received_at));
}

export async function storeOne(pool: Pool, atMs: number, change: Partial<ExchangeRecord> = {}): Promise<string> {
  const record = turn(atMs, change);
  await createRecordStore(pool, systemClock).store([record]);
  return record.id;
}

function turn(atMs: number, { session_id = 's', ...change }: Partial<ExchangeRecord>): ExchangeRecord {
  return aRecord({
    id: idAt(atMs),
    received_at: atMs,
    first_byte_at: atMs + 300,
    ended_at: atMs + 900,
    login: USER,
    session_id,
    session_base: session_id,
    tool_calls: [],
    edits: [],
    ...change,
  });
}

/** Each turn reads what the one before said from the cache, and calls tools whose results the next one carries. */
function told(fromMs: number): ExchangeRecord[] {
  let context = 9_000;
  return Array.from({ length: TOLD.turns }, (_, at) => {
    const [fresh, output, isFailed] = [700 + 310 * (at % 5), 260 + 90 * (at % 7), at + 1 === TOLD.failedTurn];
    const cached = at === 0 ? 0 : context;
    context += fresh + output;
    const atMs = fromMs + at * 21_000 + (at > 12 ? 240_000 : 0);
    return turn(atMs, {
      ended_at: atMs + (isFailed ? 800 : 4_000 + output * 14),
      session_id: TOLD.session,
      agent_id: at >= 5 && at < 9 ? TOLD.subAgent : null,
      usage: isFailed
        ? null
        : { ...NO_USAGE, input_uncached: fresh, cache_read: cached, cache_write_5m: 120, output, reasoning: 40 },
      usage_state: isFailed ? 'absent' : 'final',
      cost_nanodollars: isFailed ? null : String(3_000 * fresh + 300 * cached + 15_000 * output),
      state: isFailed ? 'error' : 'complete',
      status: isFailed ? 529 : 200,
      error: isFailed ? { code: 'provider_error', message: 'Overloaded' } : null,
      stop_reason: isFailed ? null : at === TOLD.turns - 1 ? 'end_turn' : 'tool_use',
      tool_calls: isFailed
        ? []
        : callsAt(at).map((call) => ({ ...call, arguments: '{"path":"src/main.ts"}', bytes: 22 })),
      tool_results:
        at === 0 ? [] : callsAt(at - 1).map(({ id, name }) => ({ id, bytes: 1_500 + at, is_error: name === 'Bash' })),
      edits: at === 3 ? [{ kind: 'rule', side: 'request', detail: 'pii: redact email 2' }] : [],
    });
  });
}

function callsAt(at: number): { id: string; name: string }[] {
  if (at >= TOLD.turns - 1) return [];
  const names = [['Read', 'Grep'], ['Edit'], ['Bash'], ['Read', 'Read', 'Task']][at % 4] ?? [];
  return names.map((name, each) => ({ id: `call-${at}-${each}`, name }));
}

function children(fromMs: number): ExchangeRecord[] {
  return ['explore', 'review'].flatMap((name, child) =>
    Array.from({ length: 3 }, (_, at) =>
      turn(fromMs + child * 30_000 + at * 5_000, {
        session_id: `${TOLD.session}/${name}`,
        parent_session_id: TOLD.session,
        cost_nanodollars: String(2_000_000 + at),
      }),
    ),
  );
}

function marathon(fromMs: number): ExchangeRecord[] {
  return Array.from({ length: LONG.turns }, (_, at) =>
    turn(fromMs + at * 9_000, {
      session_id: LONG.session,
      usage: {
        ...NO_USAGE,
        input_uncached: 300,
        cache_read: 150 * (at % 400),
        cache_write_5m: 0,
        output: 80 + (at % 60),
        reasoning: 0,
      },
      cost_nanodollars: String(900_000 + 45_000 * (at % 400)),
    }),
  );
}
