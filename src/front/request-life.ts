import type { Caller } from '../contract/caller.ts';
import type { Dialect } from '../contract/api.ts';
import type { Closed, Opened } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { Deciding, Verdict } from '../contract/guardrail.ts';
import { answerTo } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Authorization } from '../keys/provider-key.ts';
import type { CallerAccess } from '../access/grants.ts';
import { callerSubjects, modelSubjects } from '../access/revocations.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { ask, routeOf } from './asked.ts';
import { faultOf } from './faults.ts';
import { readerOf } from './resource-life.ts';
import type { Endpoint } from '../protocols/registry.ts';
import { shapeFault } from '../protocols/fault-shapes.ts';
import type { AnswerReader } from '../proxy/client.ts';
import { Exchange } from '../proxy/exchange.ts';
import type { UpstreamRequest } from '../proxy/upstream.ts';
import { redactHeaders } from '../proxy/headers.ts';
import { agentOf } from '../records/agent.ts';
import { forwardedBody, usageFilter } from './edits.ts';
import type { ForwardedBody } from './edits.ts';
import { reserveQuota, standingHeaders } from './quota.ts';
import { readBody } from './read-body.ts';
import { decidingOf, judgeRequest, rulesBefore, toldAfter, unguardedBy } from './rules.ts';
import type { Judged } from './rules.ts';
import { sessionSubjects } from './revoked-session.ts';
import { scannedBody } from './scan-body.ts';
import type { FrontServices } from './services.ts';
import type { ClientRequest, ClientResponse } from './socket.ts';
import { askingForAll, signedRequest, upstreamRequest } from './upstream-request.ts';
import type { World } from './world.ts';

export type ExchangeEndpoint = Extract<Endpoint, { kind: 'exchange' }>;

/** A request whose caller and role are known. */
export interface Arrival {
  world: World;
  receivedAtMs: number;
  request: ClientRequest;
  response: ClientResponse;
  caller: Caller;
  access: CallerAccess;
  /** It came over TLS of the gateway's own. */
  secure?: boolean;
}

/**
 * The life of a request to a model, top to bottom. Identity and role are behind it; from the moment its body is read
 * the request is accepted, and exactly one record comes of it.
 */
export async function requestLife(
  services: FrontServices,
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
): Promise<void> {
  const { request, response, world } = arrival;
  const { budget, live, quotas, state } = services;
  const id = mintExchangeId(arrival.receivedAtMs);
  const refuse = (fault: Fault): void => {
    sendFault(services, response, endpoint.dialect, fault, id);
  };

  const leaving = (): Fault | undefined => (state.phase === 'ending' ? { code: 'draining' } : undefined);

  // Room.
  const late = leaving();
  if (late !== undefined) {
    refuse(late);
    return;
  }
  if (live.size >= world.limits.concurrent) {
    refuse({ code: 'overloaded', what: 'concurrent requests', limit: world.limits.concurrent });
    return;
  }
  const admitted = services.journal.admit();
  if (!admitted.ok) {
    refuse(admitted.fault);
    return;
  }

  if (world.rules !== undefined) services.inspectors.expectRequest();

  // Body.
  const read = await readBody(request, response, world.limits, services);
  if (!read.ok) {
    refuse(read.fault);
    return;
  }
  const body = read.value;
  // Now: a large body is handed to an inspector's thread and back, which leaves this view empty.
  const bodyBytes = body.byteLength;
  const done = (): void => {
    budget.give(bodyBytes);
    live.remove(id);
  };
  live.add(id, { refuse: () => undefined }, []);

  // Accepted: every way on ends in a record.
  let stream = endpoint.stream ?? false;
  const denied = (fault: Fault, asked: { model: string; provider: string; verdicts?: Verdict[] }): void => {
    quotas.release(id);
    const opened = openedFrame(arrival, endpoint, id, { ...asked, stream, keyId: '', grantIds: [], quotas: [] });
    if (asked.verdicts !== undefined && asked.verdicts.length > 0) opened.verdicts = asked.verdicts;
    deny(services, arrival, endpoint.dialect, opened, fault, bodyBytes);
    done();
  };
  let begun = false;
  try {
    const scanned = await scannedBody(services.inspectors, arrival, endpoint, body);
    if (!scanned.ok) {
      denied(scanned.fault, { model: endpoint.model ?? '', provider: '' });
      return;
    }
    stream = endpoint.stream ?? scanned.value.fields.stream;
    const asked = await ask(services, arrival, endpoint, scanned.value);
    if (!asked.ok) {
      denied(asked.fault, { model: endpoint.model ?? scanned.value.fields.model ?? '', provider: '' });
      return;
    }
    const routed = routeOf(arrival, endpoint, asked.value);
    if (!routed.ok) {
      denied(routed.fault, { model: asked.value.model, provider: '' });
      return;
    }
    // Rules. Those that changed the body may have changed the model, and whether it is a stream.
    let judged: Judged = { asked: asked.value, route: routed.value, verdicts: [], placeholders: [], edits: [] };
    // Who has rules may not send what is no model's (`resource-life.ts`).
    if (asked.value.resource === undefined && rulesBefore(arrival, routed.value).length > 0) {
      const passed = await judgeRequest(services, arrival, endpoint, id, judged, async (changed) => {
        const next = await ask(services, arrival, endpoint, changed.scanned);
        if (!next.ok) return next;
        const way = routeOf(arrival, endpoint, next.value);
        return way.ok ? ok({ asked: next.value, route: way.value }) : way;
      });
      if (!passed.ok) {
        const { fault, verdicts } = passed.fault;
        denied(fault, { model: asked.value.model, provider: routed.value.provider.id, verdicts });
        return;
      }
      judged = passed.value;
      stream = endpoint.stream ?? judged.asked.scanned.fields.stream;
    }
    const { verdicts, edits } = judged;
    const { model, scanned: judgedBody } = judged.asked;
    const { provider, grantIds } = judged.route;
    const unguarded = unguardedBy(arrival, endpoint, judged, stream);
    if (unguarded !== undefined) {
      denied(unguarded, { model, provider: provider.id, verdicts });
      return;
    }
    // From here on whatever ends the request gives back what is reserved: `denied` does, and its record.
    const reserving = reserveQuota(quotas, arrival, endpoint, id, {
      scanned: judgedBody,
      route: judged.route,
      model,
    });
    const admission = reserving instanceof Promise ? await reserving : reserving;
    if (!admission.ok) {
      denied(admission.fault, { model, provider: provider.id, verdicts });
      return;
    }
    const planned = planOf(services, arrival, endpoint, id, judged);
    if (!planned.ok) {
      denied(planned.fault, { model, provider: provider.id, verdicts });
      return;
    }
    const { key, forwarded, deciding, reader } = planned.value;
    const signed =
      key.sign === undefined
        ? ok(planned.value.upstream)
        : await signedRequest(planned.value.upstream, key.sign, services.clock.nowMs());
    if (!signed.ok) {
      denied(signed.fault, { model, provider: provider.id, verdicts });
      return;
    }
    const upstream = signed.value;
    // What is revoked, judged anew: it may have been while the body came, or while a quota was asked for. From here to
    // `live.add` nothing waits.
    const subjects = [
      ...callerSubjects(arrival.caller),
      ...modelSubjects(provider.id, modelsOf(judged)),
      ...sessionSubjects(services.killSwitch, arrival, endpoint, judgedBody.decoded),
    ];
    const revoked = services.killSwitch.judge(subjects) ?? leaving();
    if (revoked !== undefined) {
      denied(revoked, { model, provider: provider.id, verdicts });
      return;
    }
    const opened = openedFrame(arrival, endpoint, id, {
      stream,
      model,
      provider: provider.id,
      keyId: key.keyId,
      grantIds,
      quotas: admission.value.quotas,
    });
    if (verdicts.length > 0) opened.verdicts = verdicts;
    opened.hooks = toldAfter(services, arrival, id, judged.route);
    const { results } = judged.asked.resource ?? {};
    if (results !== undefined) opened.results = results;
    if (forwarded.decoded) withoutHeader(opened.request_headers, 'content-encoding');

    // Opened: in the journal before a byte leaves.
    begun = true;
    services.journal.append(id, 'opened', opened);
    if (forwarded.body.byteLength > 0) services.journal.append(id, 'request', forwarded.body);
    const settling = services.settler.open(opened, services.journal.segmentOf(id));
    const tap =
      deciding === undefined
        ? services.inspectors.open(opened, settling)
        : services.inspectors.openGated(opened, deciding, settling, {
            released: (release) => {
              exchange.released(release);
            },
            refused: (fault, found) => {
              exchange.refusedByRule(fault, found);
            },
          });
    tap.request(forwarded.body);

    // Sent; from here on the exchange runs by itself.
    const exchange: Exchange = new Exchange(services, {
      opened,
      dialect: endpoint.dialect,
      provider: provider.id,
      upstream,
      requestBytes: bodyBytes,
      timeouts: world.timeouts,
      edits,
      moreHeaders: standingHeaders(admission.value.standing),
      wireFilter: forwarded.usageInjected ? usageFilter : undefined,
      tap,
      gated: deciding !== undefined,
      heldWhole: deciding?.asking !== undefined,
      reader,
      client: response,
      onClosed: (closed) => {
        settling.closed(closed);
        done();
      },
    });
    live.add(id, exchange, subjects);
    exchange.start();
  } catch (error) {
    // A bug of ours: it ends this request and is counted, and the request still has its record.
    const fault = faultOf(services.log, error, id);
    if (begun) throw error;
    denied(fault, { model: '', provider: '' });
  }
}

interface Planned {
  key: Authorization;
  forwarded: ForwardedBody;
  /** Rules decide about the response. */
  deciding: Deciding | undefined;
  /** Of requests about what providers keep. */
  reader: AnswerReader | undefined;
  /** Not signed yet. */
  upstream: UpstreamRequest;
}

/** What is sent, to whom, and with which key. */
function planOf(
  services: FrontServices,
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
  id: ExchangeId,
  judged: Judged,
): Result<Planned, Fault> {
  const { request, world, caller } = arrival;
  const { asked, route, edits } = judged;
  const { held, resource } = asked;
  const { provider } = route;
  const key = world.keys.authorize(provider, request.headers);
  if (!key.ok) return key;
  const { keyId } = key.value;
  if (held !== undefined && held.keyId !== keyId) return failed({ code: 'resource_key_gone', provider: provider.id });
  const forwarded = forwardedBody(asked.scanned, endpoint, route, edits);
  const deciding = resource === undefined ? decidingOf(services, arrival, id, judged) : undefined;
  const holder = { login: caller.login, provider: provider.id, keyId, model: asked.model };
  const reader = resource === undefined ? undefined : readerOf(services, arrival, id, resource, holder);
  const isRead = deciding !== undefined || reader?.heldBytes !== undefined;
  const asIs = upstreamRequest(arrival, endpoint, route, key.value, forwarded, isRead);
  const upstream = resource?.results === undefined ? asIs : askingForAll(asIs, edits);
  return ok({ key: key.value, forwarded, deciding, reader, upstream });
}

/** All that the request can use. */
function modelsOf({ asked, route: { model } }: Judged): string[] {
  if (asked.resource !== undefined) return asked.resource.models;
  return [asked.model, model, ...asked.scanned.fields.otherModels];
}

/** What is written of a request before anything of it leaves. */
export function openedFrame(
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
  id: ExchangeId,
  found: {
    stream: boolean;
    model: string;
    provider: string;
    keyId: string;
    grantIds: readonly string[];
    quotas: Opened['quotas'];
  },
): Opened {
  const { caller, request, world } = arrival;
  const userAgent = request.header('user-agent') ?? '';
  const { agent, version } = agentOf(userAgent);
  return {
    id,
    received_at_ms: arrival.receivedAtMs,
    login: caller.login,
    node_id: caller.nodeId,
    node_name: caller.nodeName,
    tags: caller.tags,
    groups: caller.groups,
    identity_source: caller.source,
    user_agent: userAgent.slice(0, MAX_USER_AGENT),
    agent,
    client_version: version,
    api: endpoint.protocol.api,
    method: request.method,
    path: request.path,
    stream: found.stream,
    request_headers: redactHeaders(request.headers),
    model: found.model,
    provider: found.provider,
    key_id: found.keyId,
    grant_ids: [...found.grantIds],
    quotas: found.quotas,
    hooks: [],
    config_version: world.configVersion,
    world: world.number,
  };
}

/** A user agent longer than this tells nothing more. */
const MAX_USER_AGENT = 512;

/** A request that we refuse after accepting it: answered, and recorded as `denied`. */
function deny(
  services: FrontServices,
  arrival: Arrival,
  dialect: Dialect,
  opened: Opened,
  fault: Fault,
  requestBytes: number,
): void {
  const { code, message } = answerTo(fault);
  const shaped = shapeFault(dialect, fault, opened.id);
  const closed: Closed = {
    state: refusedState(fault),
    ended_at_ms: services.clock.nowMs(),
    first_byte_at_ms: null,
    status: shaped.status,
    denied_by: code,
    attempts: [],
    edits: [],
    request_bytes: requestBytes,
    response_bytes: 0,
    provider_request_id: null,
    error: { code, message },
  };
  services.metrics.refused(fault.code);
  services.journal.append(opened.id, 'opened', opened);
  services.journal.append(opened.id, 'closed', closed);
  services.journal.barrier(opened.id, () => {
    arrival.response.send(shaped.status, [...shaped.headers, ['x-aperture-request-id', opened.id]], shaped.body);
  });
  services.settler.denied(opened, services.journal.segmentOf(opened.id), closed);
}

function refusedState({ code }: Fault): Closed['state'] {
  switch (code) {
    case 'client_gone':
      return 'aborted';
    case 'guardrail_blocked':
    case 'guardrail_unavailable':
    case 'unguarded':
      return 'blocked';
    default:
      return 'denied';
  }
}

/** A refusal before acceptance: answered and counted, never a record each. */
export function sendFault(
  services: FrontServices,
  response: ClientResponse,
  dialect: Dialect,
  fault: Fault,
  id: ExchangeId,
): void {
  services.metrics.refused(fault.code);
  const shaped = shapeFault(dialect, fault, id);
  const headers: [string, string][] = [...shaped.headers, ['x-aperture-request-id', id]];
  // The rest of an oversized or late body is not worth reading.
  if (fault.code === 'body_too_large' || fault.code === 'body_timeout') headers.push(['connection', 'close']);
  response.send(shaped.status, headers, shaped.body);
}

function withoutHeader(headers: [string, string][], name: string): void {
  const at = headers.findIndex((header) => header[0] === name);
  if (at >= 0) headers.splice(at, 1);
}
