import { LIMIT, MOST } from './asked.ts';
import type { Asked, Found } from './asked.ts';
import { BadParameter, Parameters } from './parameters.ts';
import { askedRange, told } from './range.ts';
import { findSession, listSessions } from './sessions.ts';
import { countToolCalls, listToolCalls, TOOL_GROUPS } from './tools.ts';
import type { ToolFilter } from './tools.ts';
import { USAGE_INTERVALS } from './usage.ts';

export async function sessions({ pool, query, owner }: Asked): Promise<Found> {
  const given = new Parameters(query, [
    'login',
    'agent',
    'model',
    'member_of',
    'tool',
    'min_cost_nanodollars',
    'from',
    'to',
    'before',
    'limit',
  ]);
  const body = await listSessions(pool, {
    owner,
    login: given.text('login'),
    agent: given.text('agent'),
    model: given.text('model'),
    memberOf: given.text('member_of'),
    tool: given.text('tool'),
    leastCost: given.nanodollars('min_cost_nanodollars'),
    fromMs: given.time('from'),
    toMs: given.time('to'),
    before: given.id('before'),
    limit: given.integer('limit', 1, MOST) ?? LIMIT,
  });
  return { body };
}

export async function oneSession(encoded: string, { pool, query, owner }: Asked): Promise<Found> {
  const given = new Parameters(query, ['login']);
  const id = decoded(encoded);
  const session = id === undefined ? undefined : await findSession(pool, id, given.text('login'), owner);
  if (session === 'ambiguous') {
    throw new BadParameter('login', 'is needed: several callers have a session with this id');
  }
  return session === undefined ? { fault: { code: 'not_found', what: 'the session' } } : { body: session.found };
}

/** A client's own id may have any characters, so it is encoded in a path; undefined where no id can be meant. */
function decoded(segment: string): string | undefined {
  try {
    const id = decodeURIComponent(segment);
    return id === '' || id.includes('\0') ? undefined : id;
  } catch {
    return undefined;
  }
}

/** Single calls, newest first; with `group`, counts: of the last 24 hours, unless asked otherwise. */
export async function tools({ pool, query, owner, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, [
    'login',
    'name',
    'model',
    'session',
    'agent',
    'from',
    'to',
    'before',
    'limit',
    'group',
    'interval',
  ]);
  const filter: ToolFilter = {
    owner,
    login: given.text('login'),
    name: given.text('name'),
    model: given.text('model'),
    session: given.text('session'),
    agent: given.text('agent'),
    fromMs: given.time('from'),
    toMs: given.time('to'),
  };
  const group = given.oneOf('group', TOOL_GROUPS);
  const interval = given.oneOf('interval', USAGE_INTERVALS);
  const [before, limit] = [given.place('before'), given.integer('limit', 1, MOST)];
  if (group === undefined) {
    if (interval !== undefined) throw new BadParameter('interval', 'goes with group');
    return { body: await listToolCalls(pool, filter, { before, limit: limit ?? LIMIT }) };
  }
  if (before !== undefined) throw new BadParameter('before', 'does not go with group');
  if (limit !== undefined) throw new BadParameter('limit', 'does not go with group');
  const range = askedRange(given, clock);
  const report = await countToolCalls(pool, { ...filter, ...range }, group, interval);
  return { body: { ...told(range), group, interval: interval ?? null, ...report } };
}
