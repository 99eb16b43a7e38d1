import type { Pool } from 'pg';
import type { Fault } from '../contract/fault.ts';
import type { Clock } from '../lib/clock.ts';
import { isUuid7 } from '../lib/uuid7.ts';
import { findLetter, listLetters, nextLetters, removeLetter } from '../store/dead-letters.ts';
import type { FoundLetter, LetterLine } from '../store/dead-letters.ts';
import { createRecordStore } from '../store/records.ts';
import { replayLetter } from '../store/replay-letters.ts';
import type { ApiRequest } from './messages.ts';
import { BadParameter, Parameters } from './parameters.ts';

/** Letters that one request replays: a few seconds. What is left has its place in the answer. */
const REPLAYED_AT_ONCE = 500;
const LIMIT = 100;
const MOST = 1000;

/** Where dead letters lie; ids of all sources are UUIDv7s. */
export interface LetterSource {
  list(pool: Pool, page: { before: string | undefined; limit: number }): Promise<LetterLine[]>;
  find(pool: Pool, id: string): Promise<FoundLetter | undefined>;
  /** False when there is none. */
  remove(pool: Pool, id: string): Promise<boolean>;
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

export type LettersAnswer = { status: number; body: unknown } | { fault: Fault };

/** `/api/dead-letters`, for admins alone: GET lists or shows one, POST of `/replay` tries again, DELETE ends one. */
export async function answerLetters(parts: { pool: Pool; clock: Clock }, request: ApiRequest): Promise<LettersAnswer> {
  const { method, path, query, caller } = request;
  if (caller.role !== 'admin') return { fault: { code: 'forbidden', what: `${path} needs admin` } };
  const [, , , id, ...rest] = path.split('/');
  if (rest.length > 0) return { fault: { code: 'path_unknown', method, path } };
  const allow = id === undefined ? 'GET' : id === 'replay' ? 'POST' : 'GET, DELETE';
  if (!allow.split(', ').includes(method)) return { fault: { code: 'method_not_allowed', method, path, allow } };
  if (id === undefined) return list(parts.pool, query);
  if (id === 'replay') return replay(parts, query);
  new Parameters(query, []);
  return method === 'DELETE' ? remove(parts.pool, id) : show(parts.pool, id, caller.readCaptures);
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

/** A record is told to every admin; what holds headers of a caller, only to those who may read captures. */
async function show(pool: Pool, id: string, readCaptures: boolean): Promise<LettersAnswer> {
  const { letter } = (await whose(pool, id)) ?? {};
  if (letter === undefined) return NOT_FOUND;
  const { body, ...line } = letter;
  const shown = readCaptures || letter.kind === 'record';
  return { status: 200, body: { ...line, body: shown ? (JSON.parse(body) as unknown) : null } };
}

async function remove(pool: Pool, id: string): Promise<LettersAnswer> {
  const found = await whose(pool, id);
  if (found === undefined || !(await found.source.remove(pool, id))) return NOT_FOUND;
  return { status: 204, body: undefined };
}

/** One by `id`, or with `all=true` those above `after`, the oldest first, as many as go into one request. */
async function replay({ pool, clock }: { pool: Pool; clock: Clock }, query: string): Promise<LettersAnswer> {
  const given = new Parameters(query, ['id', 'all', 'after']);
  const id = given.id('id');
  const all = given.oneOf('all', ['true']);
  if ((id === undefined) === (all === undefined)) throw new BadParameter('id', 'or all=true is needed, and not both');
  if (id !== undefined) {
    const found = await whose(pool, id);
    if (found === undefined) return NOT_FOUND;
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
