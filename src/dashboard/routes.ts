import type { Pool } from 'pg';
import type { AuditKey } from '../audit/key.ts';
import { signReceipt } from '../audit/receipt.ts';
import { APIS } from '../contract/api.ts';
import { actorOf } from '../contract/audit.ts';
import { answerTo } from '../contract/fault.ts';
import type { Fault } from '../contract/fault.ts';
import { ExchangeRecord } from '../contract/record.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { isUuid7 } from '../lib/uuid7.ts';
import { plainFaults } from '../protocols/plain-fault.ts';
import { recordAudit } from '../store/audit.ts';
import { findCapture } from '../store/captures.ts';
import { isAway } from '../store/database.ts';
import { listAudit } from './audit.ts';
import type { ApiCaller, ApiRequest } from './messages.ts';
import { BadParameter, Parameters } from './parameters.ts';
import { captureInShort, readableBody, wholeBody } from './bodies.ts';
import { answerLetters, isLettersPath } from './dead-letters.ts';
import { DELIVERY_STATES, findDelivery, listDeliveries } from './deliveries.ts';
import { listExports } from './exports.ts';
import { findRequest, listRequests, sumUsage, USAGE_GROUPS, USAGE_INTERVALS } from './queries.ts';
import { receiptOf } from './receipt.ts';
import { findSession, listSessions } from './sessions.ts';
import { countToolCalls, listToolCalls, TOOL_GROUPS } from './tools.ts';
import type { ToolFilter } from './tools.ts';
import { asksForCsv, CSV_ROWS, csvHeaders, usageCsv, usageRows } from './usage-csv.ts';
import type { UsageRowsFilter } from './usage-csv.ts';

export interface ApiParts {
  /** The readers' own pool. */
  pool: Pool;
  clock: Clock;
  log: Log;
  /** What receipts are signed with; a root that answers none has none. */
  auditKey?: AuditKey | undefined;
}

export interface ApiAnswer {
  status: number;
  headers: [string, string][];
  /** JSON text, but for captured bodies and CSV. */
  body: string | Uint8Array;
}

interface Asked extends ApiParts {
  caller: ApiCaller;
  query: string;
  accept: string | undefined;
  /** Set for users: the only login whose rows they see. */
  owner: string | undefined;
  /** The only login whose captures are shown: set for users, and for admins from whom that was taken. */
  captures: string | undefined;
  /** Headers by which rows may be filtered, in lower case. */
  filterable: readonly string[];
}

const JSON_TYPE: [string, string] = ['content-type', 'application/json'];

/** Hostile text for whoever looks at it in a browser: never shown there as what it says that it is. */
const RAW_HEADERS: [string, string][] = [
  ['content-type', 'application/octet-stream'],
  ['content-disposition', 'attachment'],
];
const SIDES = ['request', 'response'] as const;

/** As Aperture's download has it: of each day, by model and user. */
const CSV_GROUPS = ['login', 'model'] as const;

const LIMIT = 100;
const MOST = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Answers a question of the JSON API from the database. Never rejects: what goes wrong is an answer too. */
export async function answer(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  if (isLettersPath(request.path)) return lettersAnswer(parts, request);
  if (request.method !== 'GET') {
    return refusal({ code: 'method_not_allowed', method: request.method, path: request.path, allow: 'GET' });
  }
  const { login, role, readCaptures, filterableHeaders: filterable } = request.caller;
  const owner = role === 'admin' ? undefined : login;
  const captures = role === 'admin' && readCaptures ? undefined : login;
  try {
    const found = await route(request.path, {
      ...parts,
      caller: request.caller,
      query: request.query,
      accept: request.accept,
      owner,
      captures,
      filterable,
    });
    if (found === undefined) return refusal({ code: 'path_unknown', method: request.method, path: request.path });
    if ('bytes' in found) return { status: 200, headers: RAW_HEADERS, body: found.bytes };
    if ('csv' in found) return { status: 200, headers: found.headers, body: found.csv };
    return 'fault' in found
      ? refusal(found.fault)
      : { status: 200, headers: [JSON_TYPE], body: JSON.stringify(found.body) };
  } catch (error) {
    return refusal(faultOf(error, parts.log));
  }
}

async function lettersAnswer(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  try {
    const answered = await answerLetters(parts, request);
    if ('fault' in answered) return refusal(answered.fault);
    if (answered.body === undefined) return { status: answered.status, headers: [], body: '' };
    return { status: answered.status, headers: [JSON_TYPE], body: JSON.stringify(answered.body) };
  } catch (error) {
    return refusal(faultOf(error, parts.log));
  }
}

/** An answer that says no; the same shape as the front door's own. */
export function refusal(fault: Fault): ApiAnswer {
  return plainFaults.shape(answerTo(fault), '');
}

type Found =
  { body: unknown } | { bytes: Uint8Array } | { csv: string; headers: [string, string][] } | { fault: Fault };

/** Undefined: there is nothing at this path. */
function route(path: string, asked: Asked): Promise<Found | undefined> {
  const [, api, list, id, ...rest] = path.split('/');
  if (api !== 'api') return Promise.resolve(undefined);
  if (list === 'requests' && id !== undefined && rest.join('/') === 'body') return capturedBody(id, asked);
  if (list === 'requests' && id !== undefined && rest.join('/') === 'receipt') return receipt(id, asked);
  if (rest.length > 0) return Promise.resolve(undefined);
  if (list === 'requests') return id === undefined ? requests(asked) : oneRequest(id, asked);
  if (list === 'sessions') return id === undefined ? sessions(asked) : oneSession(id, asked);
  if (list === 'tools' && id === undefined) return tools(asked);
  if (list === 'usage' && id === undefined) return usage(asked);
  if (list === 'audit')
    return id === undefined ? audit(asked) : id === 'key' ? auditKey(asked) : Promise.resolve(undefined);
  if (list === 'deliveries') return id === undefined ? deliveries(asked) : oneDelivery(id, asked);
  if (list === 'exports' && id === undefined) return exported(asked);
  return Promise.resolve(undefined);
}

async function requests({ pool, query, owner, filterable }: Asked): Promise<Found> {
  const given = new Parameters(query, [
    'login',
    'model',
    'provider',
    'api',
    'state',
    'session',
    'status',
    'header',
    'from',
    'to',
    'before',
    'limit',
  ]);
  const header = given.header('header');
  if (header !== undefined && !filterable.includes(header.name)) {
    return { fault: { code: 'forbidden', what: `to filter by the header ${header.name} needs filterable_headers` } };
  }
  const body = await listRequests(pool, {
    owner,
    login: given.text('login'),
    model: given.text('model'),
    provider: given.text('provider'),
    api: given.oneOf('api', APIS),
    state: given.oneOf('state', ExchangeRecord.shape.state.options),
    session: given.text('session'),
    status: given.integer('status', 0, 999),
    header,
    fromMs: given.time('from'),
    toMs: given.time('to'),
    before: given.id('before'),
    limit: given.integer('limit', 1, MOST) ?? LIMIT,
  });
  return { body };
}

async function oneRequest(id: string, asked: Asked): Promise<Found> {
  const { pool, query, owner, captures } = asked;
  new Parameters(query, []);
  const found = isUuid7(id.toLowerCase()) ? await findRequest(pool, id.toLowerCase(), owner) : undefined;
  // Somebody else's looks like nobody's.
  if (found === undefined) return { fault: { code: 'not_found', what: 'the request' } };
  const capture = await findCapture(pool, id.toLowerCase(), captures);
  const what = [...(capture === undefined ? [] : ['headers']), ...(hasArguments(found) ? ['tool_calls'] : [])];
  await noteReading(asked, found['login'], id.toLowerCase(), what);
  return { body: { ...found, capture: capture === undefined ? null : captureInShort(capture) } };
}

function hasArguments({ tool_calls }: Record<string, unknown>): boolean {
  return Array.isArray(tool_calls) && tool_calls.length > 0;
}

/** What an admin reads of what others said is answered once it is in the audit log. One's own is nobody's business. */
async function noteReading(
  { pool, clock, caller: { login, nodeId = '' } }: Asked,
  owner: unknown,
  id: string,
  what: readonly string[],
): Promise<void> {
  if (owner === login || what.length === 0) return;
  const actor = actorOf({ login, nodeId });
  await recordAudit(pool, [
    { atMs: clock.nowMs(), ...actor, action: 'capture.read', target: id, details: { login: owner, what } },
  ]);
}

/** Hashes of what passed and all that was changed, signed. */
async function receipt(id: string, { pool, query, owner, captures, clock, auditKey }: Asked): Promise<Found> {
  new Parameters(query, []);
  if (auditKey === undefined) return NO_KEY;
  const found = isUuid7(id.toLowerCase()) ? await findRequest(pool, id.toLowerCase(), owner) : undefined;
  if (found === undefined) return { fault: { code: 'not_found', what: 'the request' } };
  const capture = await findCapture(pool, id.toLowerCase(), captures);
  return { body: signReceipt(receiptOf(found, capture, clock.nowMs()), auditKey) };
}

const NO_KEY: Found = { fault: { code: 'store_unavailable', why: 'it was started without a key for the audit log' } };

async function audit({ pool, query, caller }: Asked): Promise<Found> {
  if (caller.role !== 'admin' || caller.readAudit !== true) {
    return { fault: { code: 'forbidden', what: '/api/audit needs admin, and read_audit not taken away' } };
  }
  return { body: await listAudit(pool, query) };
}

/** For everybody who has a receipt. */
function auditKey({ query, auditKey: key }: Asked): Promise<Found> {
  new Parameters(query, []);
  return Promise.resolve(key === undefined ? NO_KEY : { body: { key_id: key.id, public_key: key.pem } });
}

/** What was captured of a body: as it was on the wire, or as one JSON value, a stream put together again. */
async function capturedBody(id: string, asked: Asked): Promise<Found> {
  const { pool, query, captures } = asked;
  const given = new Parameters(query, ['side', 'form']);
  const side = given.oneOf('side', SIDES);
  if (side === undefined) throw new BadParameter('side', `must be one of ${SIDES.join(', ')}`);
  const form = given.oneOf('form', ['raw', 'json']) ?? 'raw';
  const capture = isUuid7(id.toLowerCase()) ? await findCapture(pool, id.toLowerCase(), captures) : undefined;
  const body = capture?.[side] ?? null;
  if (capture === undefined || body === null) return { fault: { code: 'not_found', what: 'the body' } };
  if (body.recipe === null) return { fault: { code: 'not_found', what: 'the body (binary bodies are not kept)' } };
  await noteReading(asked, capture.login, id.toLowerCase(), [side]);
  const bytes = await wholeBody(pool, { id: id.toLowerCase(), login: capture.login, body });
  return form === 'raw' ? { bytes } : { body: { body: await readableBody(capture, side, bytes) } };
}

async function sessions({ pool, query, owner }: Asked): Promise<Found> {
  const given = new Parameters(query, ['login', 'agent', 'model', 'from', 'to', 'before', 'limit']);
  const body = await listSessions(pool, {
    owner,
    login: given.text('login'),
    agent: given.text('agent'),
    model: given.text('model'),
    fromMs: given.time('from'),
    toMs: given.time('to'),
    before: given.id('before'),
    limit: given.integer('limit', 1, MOST) ?? LIMIT,
  });
  return { body };
}

async function oneSession(encoded: string, { pool, query, owner }: Asked): Promise<Found> {
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
async function tools({ pool, query, owner, clock }: Asked): Promise<Found> {
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
  const toMs = filter.toMs ?? clock.nowMs();
  const fromMs = filter.fromMs ?? toMs - DAY_MS;
  if (fromMs >= toMs) throw new BadParameter('from', 'must be before to');
  const report = await countToolCalls(pool, { ...filter, fromMs, toMs }, group, interval);
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  return { body: { from, to, group, interval: interval ?? null, ...report } };
}

/** The last 24 hours by model, unless asked otherwise. The range is widened to whole hours, and told as it was used. */
async function usage({ pool, query, accept, owner, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, ['from', 'to', 'group', 'interval', 'format']);
  const askedTo = given.time('to') ?? clock.nowMs();
  const askedFrom = given.time('from') ?? askedTo - DAY_MS;
  if (askedFrom >= askedTo) throw new BadParameter('from', 'must be before to');
  const fromMs = Math.floor(askedFrom / HOUR_MS) * HOUR_MS;
  const toMs = Math.ceil(askedTo / HOUR_MS) * HOUR_MS;
  const interval = given.oneOf('interval', USAGE_INTERVALS);
  if ((given.oneOf('format', ['json', 'csv']) ?? (asksForCsv(accept) ? 'csv' : 'json')) === 'csv') {
    const groups = given.several('group', USAGE_GROUPS) ?? CSV_GROUPS;
    return usageDownload(pool, { owner, fromMs, toMs, groups, interval: interval ?? 'day' });
  }
  const group = given.oneOf('group', USAGE_GROUPS) ?? 'model';
  const report = await sumUsage(pool, { owner, fromMs, toMs, group, interval });
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  return { body: { from, to, group, interval: interval ?? null, ...report } };
}

/** The same sums, to be downloaded: a row for each group and day. */
async function usageDownload(pool: Pool, filter: UsageRowsFilter): Promise<Found> {
  const { rows, truncated } = await usageRows(pool, filter);
  if (truncated) {
    const why = `leaves more than ${CSV_ROWS} rows, the most of one file; ask for a shorter time, or for fewer groups`;
    throw new BadParameter('from', why);
  }
  return { csv: usageCsv(filter.groups, rows), headers: csvHeaders(filter.fromMs, filter.toMs) };
}

async function deliveries({ pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/deliveries needs admin' } };
  const given = new Parameters(query, ['destination', 'state', 'from', 'to', 'before', 'limit']);
  const body = await listDeliveries(pool, {
    destination: given.text('destination'),
    state: given.oneOf('state', DELIVERY_STATES),
    fromMs: given.time('from'),
    toMs: given.time('to'),
    before: given.id('before'),
    limit: given.integer('limit', 1, MOST) ?? LIMIT,
  });
  return { body };
}

async function oneDelivery(id: string, { pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/deliveries needs admin' } };
  new Parameters(query, []);
  const found = isUuid7(id.toLowerCase()) ? await findDelivery(pool, id.toLowerCase()) : undefined;
  return found === undefined ? { fault: { code: 'not_found', what: 'the delivery' } } : { body: found };
}

/** Files of the export, newest first. */
async function exported({ pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/exports needs admin' } };
  const given = new Parameters(query, ['before', 'limit']);
  const limit = given.integer('limit', 1, MOST) ?? LIMIT;
  return { body: await listExports(pool, { before: given.id('before'), limit }) };
}

/** Class 57014: the statement timeout. 42P01 and 3F000: tables that a first start has not made yet. */
function faultOf(error: unknown, log: Log): Fault {
  if (error instanceof BadParameter) return error.fault;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '57014') {
    return { code: 'store_unavailable', why: 'the question took it too long; narrow it with from and to' };
  }
  if (code === '42P01' || code === '3F000') return { code: 'store_unavailable', why: 'its tables are being made' };
  if (isAway(error)) return { code: 'store_unavailable', why: 'it does not answer' };
  const reference = crypto.randomUUID();
  log.error({ error: errorChain(error), reference }, 'a question of the JSON API failed');
  return { code: 'internal', reference };
}
