import { answerTo } from '../contract/fault.ts';
import type { Fault } from '../contract/fault.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { plainFaults } from '../protocols/plain-fault.ts';
import { isAway } from '../store/database.ts';
import { audit, auditKey, auditState, deliveries, destinations, exported, oneDelivery } from './admin-routes.ts';
import type { ApiAnswer, ApiParts, Asked, Found } from './asked.ts';
import { answerLetters, isLettersPath } from './dead-letters.ts';
import type { ApiRequest } from './messages.ts';
import { focus, FOCUS_PATH } from './focus.ts';
import { denials, verdicts } from './guardrail-routes.ts';
import { BadParameter } from './parameters.ts';
import { capturedBody, oneRequest, receipt, requests } from './request-routes.ts';
import { oneSession, sessions, tools } from './session-routes.ts';
import { activity, adoption, quotaSpend, usage } from './usage-routes.ts';

const JSON_TYPE: [string, string] = ['content-type', 'application/json'];

/** Hostile text for whoever looks at it in a browser: never shown there as what it says that it is. */
const RAW_HEADERS: [string, string][] = [
  ['content-type', 'application/octet-stream'],
  ['content-disposition', 'attachment'],
];

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
      ownBuckets: request.ownBuckets ?? [],
      pricing: request.pricing,
      owner,
      captures,
      filterable,
    });
    if (found === undefined) return refusal({ code: 'path_unknown', method: request.method, path: request.path });
    if ('bytes' in found) return { status: 200, headers: RAW_HEADERS, body: found.bytes };
    if ('json' in found) return { status: 200, headers: [JSON_TYPE], body: found.json };
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
  if (path === FOCUS_PATH) return focus(asked);
  if (list === 'activity' && id === undefined) return activity(asked);
  if (list === 'adoption' && id === undefined) return adoption(asked);
  if (list === 'quota-spend' && id === undefined) return quotaSpend(asked);
  if (list === 'verdicts' && id === undefined) return verdicts(asked);
  if (list === 'denials' && id === undefined) return denials(asked);
  if (list === 'audit') return auditRoute(id, asked);
  if (list === 'destinations' && id === undefined) return destinations(asked);
  if (list === 'deliveries') return id === undefined ? deliveries(asked) : oneDelivery(id, asked);
  if (list === 'exports' && id === undefined) return exported(asked);
  return Promise.resolve(undefined);
}

function auditRoute(what: string | undefined, asked: Asked): Promise<Found | undefined> {
  switch (what) {
    case undefined:
      return audit(asked);
    case 'key':
      return auditKey(asked);
    case 'state':
      return auditState(asked);
    default:
      return Promise.resolve(undefined);
  }
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
