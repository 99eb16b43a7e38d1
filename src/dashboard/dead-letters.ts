import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { actorOf } from '../contract/audit.ts';
import type { AuditAction, AuditEntry } from '../contract/audit.ts';
import type { Fault } from '../contract/fault.ts';
import type { Clock } from '../lib/clock.ts';
import { isUuid7 } from '../lib/uuid7.ts';
import { appendAudit, recordAudit } from '../store/audit.ts';
import { inTransaction } from '../store/database.ts';
import { findLetter, listLetters, nextLetters, removeLetter } from '../store/dead-letters.ts';
import type { FoundLetter, LetterLine } from '../store/dead-letters.ts';
import { createRecordStore } from '../store/records.ts';
import { replayLetter } from '../store/replay-letters.ts';
import type { ApiCaller, ApiRequest } from './messages.ts';
import { BadParameter, Parameters } from './parameters.ts';

/** Letters that one request replays: a few seconds. What is left has its place in the answer. */
const REPLAYED_AT_ONCE = 500;
/** Of these, in the audit log. */
const IDS_TOLD = 100;
const LIMIT = 100;
const MOST = 1000;

/** Where dead letters lie; ids of all sources are UUIDv7s. */
export interface LetterSource {
  list(pool: Pool, page: { before: string | undefined; limit: number }): Promise<LetterLine[]>;
  find(pool: Pool, id: string): Promise<FoundLetter | undefined>;
  /** False when there is none. */
  remove(pool: Pool | PoolClient, id: string): Promise<boolean>;
  /** The oldest ones above `after`. */
  next(pool: Pool, after: string | undefined, limit: number): Promise<FoundLetter[]>;
  /** False when it is still dead. */
  replay(pool: Pool, clock: Clock, letter: FoundLetter): Promise<boolean>;
}

/** Records that the database would not have, and jobs that nobody could read. */
const STORED: LetterSource = {
  list: listLetters,
  find: findLetter,
  remove: removeLetter,
  next: nextLetters,
  replay: (pool, clock, letter) => replayLetter(pool, createRecordStore(pool, clock), letter),
};

const SOURCES: readonly LetterSource[] = [STORED];

const PATH = '/api/dead-letters';

export function isLettersPath(path: string): boolean {
  return path === PATH || path.startsWith(`${PATH}/`);
}

interface LettersParts {
  pool: Pool;
  clock: Clock;
}

export type LettersAnswer = { status: number; body: unknown } | { fault: Fault };

/** `/api/dead-letters`, for admins alone: GET lists or shows one, POST of `/replay` tries again, DELETE ends one. */
export async function answerLetters(parts: LettersParts, request: ApiRequest): Promise<LettersAnswer> {
  const { method, path, query, caller } = request;
  if (caller.role !== 'admin') return { fault: { code: 'forbidden', what: `${path} needs admin` } };
  const [, , , id, ...rest] = path.split('/');
  if (rest.length > 0) return { fault: { code: 'path_unknown', method, path } };
  const allow = id === undefined ? 'GET' : id === 'replay' ? 'POST' : 'GET, DELETE';
  if (!allow.split(', ').includes(method)) return { fault: { code: 'method_not_allowed', method, path, allow } };
  if (id === undefined) return list(parts.pool, query);
  if (id === 'replay') return replay(parts, query, caller);
  new Parameters(query, []);
  return method === 'DELETE' ? remove(parts, id, caller) : show(parts, id, caller);
}

function entryOf(
  { clock }: LettersParts,
  { login, nodeId = '' }: ApiCaller,
  action: AuditAction,
  target: string,
  details: Record<string, unknown>,
): AuditEntry {
  return { atMs: clock.nowMs(), ...actorOf({ login, nodeId }), action, target, details };
}

async function list(pool: Pool, query: string): Promise<LettersAnswer> {
  const given = new Parameters(query, ['before', 'limit']);
  const limit = given.integer('limit', 1, MOST) ?? LIMIT;
  const page = { before: given.id('before'), limit: limit + 1 };
  const lists = await Promise.all(SOURCES.map((source) => source.list(pool, page)));
  const lines = lists.flat().sort((a, b) => (a.id < b.id ? 1 : -1));
  const items = lines.slice(0, limit);
  const next = lines.length > limit ? (items.at(-1)?.id ?? null) : null;
  return { status: 200, body: { items, next } };
}

/**
 * A record is told to every admin, as `/api/requests/{id}` tells it, and what was asked of tools is a reading there and here;
 * what holds headers of a caller, only to those who may read captures.
 */
async function show(parts: LettersParts, id: string, caller: ApiCaller): Promise<LettersAnswer> {
  const { letter } = (await whose(parts.pool, id)) ?? {};
  if (letter === undefined) return NOT_FOUND;
  const { body: text, ...line } = letter;
  const isRecord = letter.kind === 'record';
  if (!caller.readCaptures && !isRecord) return { status: 200, body: { ...line, body: null } };
  const body: unknown = JSON.parse(text);
  const what = ['dead_letter', ...(isRecord ? ['tool_calls'] : [])];
  if (!isRecord || asksTools(body, caller.login)) {
    await recordAudit(parts.pool, [entryOf(parts, caller, 'capture.read', id, { what })]);
  }
  return { status: 200, body: { ...line, body } };
}

const Called = z.looseObject({ login: z.unknown(), tool_calls: z.array(z.unknown()) });

/** Whether it is a record with tool calls of somebody else. It may be in any shape. */
function asksTools(record: unknown, reader: string): boolean {
  const { data } = Called.safeParse(record);
  return data !== undefined && data.tool_calls.length > 0 && data.login !== reader;
}

async function remove(parts: LettersParts, id: string, caller: ApiCaller): Promise<LettersAnswer> {
  const found = await whose(parts.pool, id);
  if (found === undefined) return NOT_FOUND;
  const { kind, subject } = found.letter;
  const removed = await inTransaction(parts.pool, async (client) => {
    if (!(await found.source.remove(client, id))) return false;
    await appendAudit(client, [entryOf(parts, caller, 'dead_letters.removed', id, { kind, subject })]);
    return true;
  });
  return removed ? { status: 204, body: undefined } : NOT_FOUND;
}

/** One by `id`, or with `all=true` those above `after`, the oldest first, as many as go into one request. */
async function replay(parts: LettersParts, query: string, caller: ApiCaller): Promise<LettersAnswer> {
  const { pool, clock } = parts;
  // Each letter is stored in a transaction of its own: the log has them before.
  const note = (letters: readonly FoundLetter[]): Promise<void> => {
    const ids = letters.slice(0, IDS_TOLD).map((letter) => letter.id);
    const target = letters.length === 1 ? (ids[0] ?? '') : '';
    const details = { letters: letters.length, ids };
    return recordAudit(pool, [entryOf(parts, caller, 'dead_letters.replayed', target, details)]);
  };
  const given = new Parameters(query, ['id', 'all', 'after']);
  const id = given.id('id');
  const all = given.oneOf('all', ['true']);
  if ((id === undefined) === (all === undefined)) throw new BadParameter('id', 'or all=true is needed, and not both');
  if (id !== undefined) {
    const found = await whose(pool, id);
    if (found === undefined) return NOT_FOUND;
    await note([found.letter]);
    const replayed = await found.source.replay(pool, clock, found.letter);
    return { status: 200, body: { replayed: Number(replayed), failed: Number(!replayed), next: null } };
  }
  const after = given.id('after');
  const heads = await Promise.all(
    SOURCES.map(async (source) =>
      (await source.next(pool, after, REPLAYED_AT_ONCE + 1)).map((letter) => ({ source, letter })),
    ),
  );
  const waiting = heads.flat().sort((a, b) => (a.letter.id < b.letter.id ? -1 : 1));
  const taken = waiting.slice(0, REPLAYED_AT_ONCE);
  if (taken.length > 0) await note(taken.map(({ letter }) => letter));
  let replayed = 0;
  for (const { source, letter } of taken) if (await source.replay(pool, clock, letter)) replayed += 1;
  const next = waiting.length > taken.length ? (taken.at(-1)?.letter.id ?? null) : null;
  return { status: 200, body: { replayed, failed: taken.length - replayed, next } };
}

const NOT_FOUND: LettersAnswer = { fault: { code: 'not_found', what: 'the dead letter' } };

async function whose(pool: Pool, id: string): Promise<{ source: LetterSource; letter: FoundLetter } | undefined> {
  if (!isUuid7(id)) return undefined;
  for (const source of SOURCES) {
    const letter = await source.find(pool, id);
    if (letter !== undefined) return { source, letter };
  }
  return undefined;
}
