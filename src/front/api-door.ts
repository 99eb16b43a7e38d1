import { REPLAY_PATH } from '../contract/delivery.ts';
import type { Fault } from '../contract/fault.ts';
import type { BucketTerms } from '../contract/quota.ts';
import { mintExchangeId } from '../contract/ids.ts';
import { providersAnswer } from '../routing/providers-list.ts';
import { answerExplain } from './explain-door.ts';
import { readBody } from './read-body.ts';
import { sendFault } from './request-life.ts';
import type { Arrival } from './request-life.ts';
import type { FrontServices } from './services.ts';

/** Answers are for whoever asked, now: nothing in between may keep them. */
const NOT_KEPT: [string, string][] = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
];

const JSON_HEADERS: [string, string][] = [['content-type', 'application/json'], ...NOT_KEPT];

/** What the thread that keeps control state answers, to admins alone. */
const CONTROL_PATH =
  /^\/(?:api\/(?:(?:config|tokens|revocations|holds)(?:\/|$)|guardrails\/test$)|aperture\/config(?::validate)?$)/;

/** What the thread that reads the database also changes, to admins alone. It takes no bodies. */
const LETTERS_PATH = /^\/api\/dead-letters(?:\/|$)/;

/** What the thread that keeps balances answers: to everybody of their own, to admins of all. */
const QUOTAS_PATH = /^\/api\/quotas(?:\/|$)/;

/** What needs the keys of the caller's buckets, which the thread that answers it does not know. */
const QUOTA_SPEND_PATH = '/api/quota-spend';

/** What needs what the config says of prices. */
const FOCUS_PATH = '/api/usage/focus.csv';

/** Ids of what is to be delivered again, or a bucket's name. */
const ADMIN_BODY_BYTES = 64 * 1024;

/** A config of 16 million characters, as a JSON string. */
const CONTROL_BODY_BYTES = 64 * 1024 * 1024;

export function isApiPath(path: string): boolean {
  return path.startsWith('/api/') || path === '/metrics' || CONTROL_PATH.test(path);
}

/** `/metrics` and the JSON API under `/api/`. What needs the database is asked of the thread that reads it. */
export async function answerApi(services: FrontServices, arrival: Arrival): Promise<void> {
  const { request, response, caller, access } = arrival;
  if (CONTROL_PATH.test(request.path)) return answerChange(services, arrival, services.askControl, CONTROL_BODY_BYTES);
  if (request.path === REPLAY_PATH) return answerChange(services, arrival, services.askDeliveries, ADMIN_BODY_BYTES);
  if (QUOTAS_PATH.test(request.path)) return answerQuotas(services, arrival);
  const id = mintExchangeId(arrival.receivedAtMs);
  if (request.method !== 'GET' && !LETTERS_PATH.test(request.path)) {
    sendFault(
      services,
      response,
      'plain',
      { code: 'method_not_allowed', method: request.method, path: request.path.slice(0, 255), allow: 'GET' },
      id,
    );
    return;
  }
  if (request.path === '/metrics') {
    if (access.role !== 'admin' || !access.readMetrics) {
      sendFault(services, response, 'plain', { code: 'forbidden', what: '/metrics needs admin and read_metrics' }, id);
      return;
    }
    const text = await services.renderMetrics();
    response.send(200, [['content-type', services.metrics.registry.contentType]], text);
    return;
  }
  if (request.path === '/api/whoami') {
    const { login, nodeId, nodeName, tags, groups, source } = caller;
    const who = {
      login,
      node_id: nodeId,
      node_name: nodeName,
      tags,
      groups,
      identity_source: source,
      role: access.role,
      read_captures: access.readCaptures,
      read_audit: access.readAudit,
      filterable_headers: access.filterableHeaders,
    };
    response.send(200, JSON_HEADERS, JSON.stringify(who));
    return;
  }
  if (request.path === '/api/providers') {
    response.send(200, JSON_HEADERS, JSON.stringify(providersAnswer(arrival.world.providers)));
    return;
  }
  if (request.path === '/api/connectors') {
    // Clients ask for it at start, and take a 404 for a gateway that is none (aperture.md, section 10.2). None is served.
    response.send(200, JSON_HEADERS, JSON.stringify({ connectors: [] }));
    return;
  }
  if (request.path === '/api/explain') {
    const explained = answerExplain(arrival);
    if (explained.ok) response.send(200, JSON_HEADERS, JSON.stringify(explained.value));
    else sendFault(services, response, 'plain', explained.fault, id);
    return;
  }
  const accept = request.header('accept');
  const answer = await services.askApi({
    method: request.method,
    path: request.path,
    query: request.query,
    ...(accept === undefined ? {} : { accept }),
    ...(request.path === QUOTA_SPEND_PATH ? { ownBuckets: ownBuckets(services, arrival).map(({ key }) => key) } : {}),
    ...(request.path === FOCUS_PATH && access.role === 'admin' ? { pricing: arrival.world.pricing } : {}),
    caller: {
      login: caller.login,
      nodeId: caller.nodeId,
      role: access.role ?? 'user',
      readCaptures: access.readCaptures,
      readAudit: access.readAudit,
      filterableHeaders: access.filterableHeaders,
    },
  });
  if (!answer.ok) sendFault(services, response, 'plain', answer.fault, id);
  else response.send(answer.value.status, [...answer.value.headers, ...NOT_KEPT], answer.value.body);
}

/** Looks are everybody's, at what is theirs; a refill is an admin's. */
function answerQuotas(services: FrontServices, arrival: Arrival): Promise<void> {
  const { request } = arrival;
  const own = ownBuckets(services, arrival);
  const ask: Ask = (question) => services.askQuotas({ ...question, own });
  return request.method === 'GET'
    ? answerQuestion(services, arrival, ask, new Uint8Array())
    : answerChange(services, arrival, ask, ADMIN_BODY_BYTES);
}

function ownBuckets(services: FrontServices, { access, caller }: Arrival): BucketTerms[] {
  return services.quotas.bucketsOf(access.quotas, { user: caller.login, node: caller.nodeId });
}

type Ask = FrontServices['askControl'];

/** For admins alone: what has a body, and may change something. */
async function answerChange(services: FrontServices, arrival: Arrival, ask: Ask, mostBytes: number): Promise<void> {
  const { world, request, response, access } = arrival;
  const refuse = (fault: Fault): void => {
    sendFault(services, response, 'plain', fault, mintExchangeId(arrival.receivedAtMs));
  };
  if (access.role !== 'admin') {
    refuse({ code: 'forbidden', what: `${request.path} needs admin` });
    return;
  }
  const limits = { ...world.limits, body_bytes: Math.min(world.limits.body_bytes, mostBytes) };
  const read = await readBody(request, response, limits, services);
  if (!read.ok) {
    refuse(read.fault);
    return;
  }
  const bodyBytes = read.value.byteLength;
  await answerQuestion(services, arrival, ask, read.value);
  services.budget.give(bodyBytes);
}

async function answerQuestion(
  services: FrontServices,
  arrival: Arrival,
  ask: Ask,
  body: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { request, response, caller, access } = arrival;
  const { method, path, query } = request;
  const answer = await ask({ method, path, query, body, caller, role: access.role ?? 'user' });
  if (answer.ok) response.send(answer.value.status, [...answer.value.headers, ...NOT_KEPT], answer.value.body);
  else sendFault(services, response, 'plain', answer.fault, mintExchangeId(arrival.receivedAtMs));
}
