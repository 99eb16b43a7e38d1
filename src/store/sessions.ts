import type { PoolClient } from 'pg';
import type { ExchangeRecord } from '../contract/record.ts';
import { uuid7Ms } from '../lib/uuid7.ts';
import { takeLocks } from './locks.ts';
import { beginning, continuedSessions, IDLE_MS, isToBePlaced, knownTurns, scopeOf, turnOf } from './session-turns.ts';
import type { Chain, KnownTurn, Turn } from './session-turns.ts';

/** Hex digits of a record's id that name a session which is not the first of its base: the random ones. */
const SUFFIX_DIGITS = 12;

/** "apse": advisory locks of our own, one per caller and beginning. */
const SESSION_LOCK = 0x61707365;

/** A record whose session is decided. */
export interface PlacedRecord extends ExchangeRecord {
  /** What later records of the same conversation are found by; null where the content does not decide. */
  turn: StoredTurn | null;
}

/** Hex digits, for the statement. */
interface StoredTurn {
  scope: string;
  messages: number;
  link: string;
  chain: string;
}

/** Without a look into the database: the client's own id is the session, and so is a base that has no history. */
export function placedAsIs(record: ExchangeRecord): PlacedRecord {
  return { ...record, turn: null };
}

/**
 * Decides the sessions of records that come ordered by id. Holds the locks of their conversations until the end of the
 * transaction, so that of two processors the second sees what the first decided. A record that is stored already gets
 * the session that it has.
 */
export async function placeSessions(client: PoolClient, records: readonly ExchangeRecord[]): Promise<PlacedRecord[]> {
  const scopes = new Map(records.filter(isToBePlaced).map((record) => [record.id, scopeOf(record)]));
  await takeLocks(client, SESSION_LOCK, [...scopes.values()].map(lockOf));
  const continued = await continuedSessions(client, records);
  const known = await knownTurns(client, records, scopes);
  const placed: PlacedRecord[] = [];
  const turns = new TurnsOfBatch();
  for (const record of records) {
    const scope = scopes.get(record.id);
    if (scope === undefined) {
      placed.push(placedAsIs(record));
    } else if (record.previous_response !== null) {
      // Its own words say nothing of the conversation, which the provider's server remembers.
      const within = placed.findLast(
        ({ login, response_id }) => login === record.login && response_id === record.previous_response,
      );
      const session = within?.session_id ?? continued.get(record.id) ?? laterSessionOf(record);
      placed.push({ ...record, session_id: session, turn: null });
    } else {
      const { turns: stored = [], taken = false } = known.get(record.id) ?? {};
      const before = turns.of(scope);
      const first = !taken && before.length === 0;
      const session = extended(record, stored, before) ?? (first ? record.session_base : laterSessionOf(record));
      const turn = turnOf(record);
      if (turn !== null) turns.add({ id: record.id, scope, session, ...turn });
      placed.push({ ...record, session_id: session, turn: storedTurn(scope, turn) });
    }
  }
  return placed;
}

/**
 * The session that the record belongs to: of the turn with which it shares the longest beginning, of several the latest.
 * One with the whole history, which the record repeats (a retry) or by which, stored late, it is extended, counts unless
 * the record extends a later one: where answers repeat themselves, the same conversation is held again. And a session
 * that had gone on by then is not begun again by its own beginning.
 */
function extended(record: ExchangeRecord, stored: readonly KnownTurn[], inBatch: readonly Turn[]): string | undefined {
  const own = turnOf(record);
  if (own === null) return undefined;
  const same = inBatch.filter((turn) => uuid7Ms(record.id) - uuid7Ms(turn.id) <= IDLE_MS);
  const all = [...stored, ...same].map((turn) => ({
    turn,
    shared: turn.id < record.id ? beginning(turn, own) : beginning(own, turn),
  }));
  const itself = all.find(({ turn }) => turn.id === record.id);
  if (itself !== undefined) return itself.turn.session;
  const passed = new Set(
    [...stored.filter((turn) => turn.passed), ...same.filter((turn) => turn.messages > own.messages)].map(
      ({ session }) => session,
    ),
  );
  const before = all
    .filter(({ shared }) => shared > 0 && shared < own.messages)
    .sort((a, b) => b.shared - a.shared || (a.turn.id < b.turn.id ? 1 : -1))[0];
  const whole = all
    .filter(({ shared, turn }) => shared === own.messages && !passed.has(turn.session))
    .sort((a, b) => (a.turn.id < b.turn.id ? 1 : -1))[0];
  if (before === undefined || whole === undefined) return (before ?? whole)?.turn.session;
  return (whole.turn.id > before.turn.id ? whole : before).turn.session;
}

/**
 * The turns of a batch, by caller and beginning. Of those that say the same in one session the latest stands for all: a
 * batch of one conversation would otherwise be compared with itself, each with each.
 */
class TurnsOfBatch {
  readonly #byScope = new Map<string, Map<string, Turn>>();

  of(scope: string): Turn[] {
    return [...(this.#byScope.get(scope)?.values() ?? [])];
  }

  add(turn: Turn): void {
    const turns = this.#byScope.get(turn.scope) ?? new Map<string, Turn>();
    this.#byScope.set(turn.scope, turns.set(`${turn.session} ${turn.chain.join('')}`, turn));
  }
}

function storedTurn(scope: string, turn: Chain | null): StoredTurn | null {
  if (turn === null) return null;
  return { scope, messages: turn.messages, link: turn.chain.at(-1) ?? '', chain: turn.chain.join('') };
}

/** The same for a job that is tried again. */
function laterSessionOf({ session_base, id }: ExchangeRecord): string {
  return `${session_base}_${id.slice(-SUFFIX_DIGITS)}`;
}

/** Two scopes may have one lock: they wait for one another needlessly, and nothing else. */
function lockOf(scope: string): number {
  return Number.parseInt(scope.slice(0, 8), 16) | 0;
}
