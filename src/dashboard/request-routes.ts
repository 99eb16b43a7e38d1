import { signReceipt } from '../audit/receipt.ts';
import { actorOf } from '../contract/audit.ts';
import { ExchangeRecord } from '../contract/record.ts';
import { isUuid7 } from '../lib/uuid7.ts';
import { recordAudit } from '../store/audit.ts';
import { findCapture } from '../store/captures.ts';
import { LIMIT, MOST, NO_KEY } from './asked.ts';
import type { Asked, Found } from './asked.ts';
import { ABOUT, aboutOf } from './about.ts';
import { captureInShort, jsonText, readableBody, wholeBody } from './bodies.ts';
import { DENIAL_FILTERS } from './denials.ts';
import { VERDICT_LIKE, verdictLike } from './guardrail-routes.ts';
import { BadParameter, Parameters } from './parameters.ts';
import { findRequest } from './queries.ts';
import { receiptOf } from './receipt.ts';
import { listRequests } from './requests.ts';

const SIDES = ['request', 'response'] as const;

export async function requests({ pool, query, owner, filterable }: Asked): Promise<Found> {
  const given = new Parameters(query, [
    ...ABOUT,
    'state',
    'session',
    'tool',
    ...VERDICT_LIKE,
    'denial',
    'denied_by',
    'min_cost_nanodollars',
    'header',
    'from',
    'to',
    'before',
    'after',
    'limit',
  ]);
  const header = given.header('header');
  if (header !== undefined && !filterable.includes(header.name)) {
    return { fault: { code: 'forbidden', what: `to filter by the header ${header.name} needs filterable_headers` } };
  }
  const body = await listRequests(pool, {
    ...aboutOf(given, owner),
    state: given.oneOf('state', ExchangeRecord.shape.state.options),
    session: given.text('session'),
    tool: given.text('tool'),
    verdict: verdictLike(given),
    denial: given.oneOf('denial', DENIAL_FILTERS),
    deniedBy: given.text('denied_by'),
    leastCost: given.nanodollars('min_cost_nanodollars'),
    header,
    fromMs: given.time('from'),
    toMs: given.time('to'),
    before: given.id('before'),
    after: given.id('after'),
    limit: given.integer('limit', 1, MOST) ?? LIMIT,
  });
  return { body };
}

export async function oneRequest(id: string, asked: Asked): Promise<Found> {
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
export async function receipt(id: string, { pool, query, owner, captures, clock, auditKey }: Asked): Promise<Found> {
  new Parameters(query, []);
  if (auditKey === undefined) return NO_KEY;
  const found = isUuid7(id.toLowerCase()) ? await findRequest(pool, id.toLowerCase(), owner) : undefined;
  if (found === undefined) return { fault: { code: 'not_found', what: 'the request' } };
  const capture = await findCapture(pool, id.toLowerCase(), captures);
  return { body: signReceipt(receiptOf(found, capture, clock.nowMs()), auditKey) };
}

/** What was captured of a body: as it was on the wire, or as one JSON value, a stream put together again. */
export async function capturedBody(id: string, asked: Asked): Promise<Found> {
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
  return form === 'raw' ? { bytes } : { json: `{"body":${jsonText(await readableBody(capture, side, bytes))}}` };
}
