import type { Caller } from '../contract/caller.ts';
import type { Dialect } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import type { CallerAccess } from '../access/grants.ts';
import { callerSubjects } from '../access/revocations.ts';
import { takeTokens } from '../identity/presented-tokens.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { matchEndpoint } from '../protocols/registry.ts';
import type { Endpoint } from '../protocols/registry.ts';
import { answerApi, isApiPath } from './api-door.ts';
import { faultOf } from './faults.ts';
import { directEndpoint } from './direct-door.ts';
import { crossSite, hostAllowed } from './host-check.ts';
import { answerModels } from './models-door.ts';
import { answerProbe } from './probes.ts';
import { openSocket } from './socket-door.ts';
import type { AdmitAgain } from './socket-door.ts';
import { requestLife, sendFault } from './request-life.ts';
import type { Arrival } from './request-life.ts';
import type { FrontServices } from './services.ts';
import type { Accept, ClientRequest, ClientResponse } from './socket.ts';
import { answerUi, isBrowserAtRoot, isUiPath, leadToPages } from './ui-door.ts';
import { withoutTokens } from './without-tokens.ts';
import type { World } from './world.ts';

/** Methods that change or cost something: these must not come from a page of another site. */
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Everything that knocks comes through here: probes, models, the JSON API, and requests to models. */
export function createFrontDoor(services: FrontServices): Accept {
  return (request, response, listener) => {
    const receivedAtMs = services.arrivedAtMs();
    receive(services, request, response, listener, receivedAtMs).catch((error: unknown) => {
      const id = mintExchangeId(receivedAtMs);
      sendFault(services, response, 'plain', faultOf(services.log, error, id), id);
    });
  };
}

async function receive(
  services: FrontServices,
  received: ClientRequest,
  response: ClientResponse,
  listener: number,
  receivedAtMs: number,
): Promise<void> {
  // A request sees one world from its first byte to its last.
  const world = services.worlds.current;
  const refuse = (dialect: Dialect, fault: Fault): void => {
    sendFault(services, response, dialect, fault, mintExchangeId(receivedAtMs));
  };
  if (headerBytes(received) > world.limits.header_bytes) {
    refuse('plain', { code: 'headers_too_large', limitBytes: world.limits.header_bytes });
    return;
  }
  if (isBrowserAtRoot(received)) {
    leadToPages(response, [['vary', 'accept']]);
    return;
  }
  if (answerProbe(services, received, response)) return;

  const endpoint = endpointOf(received);
  // From here on nothing of the request has a token of ours in it, whatever becomes of it and whoever writes it down.
  const presented = takeTokens(received.headers, received.query);
  const request = presented === undefined ? received : withoutTokens(received, presented);
  const dialect = 'dialect' in endpoint ? endpoint.dialect : 'plain';
  const host = request.header('host') ?? '';
  if (!hostAllowed(host, world.allowedHosts)) {
    refuse(dialect, { code: 'host_refused', host: host.slice(0, 255) });
    return;
  }
  if (isUiPath(request.path)) {
    const answered = answerUi(services.ui, request, response);
    if (!answered.ok) refuse('plain', answered.fault);
    return;
  }
  // Browsers ask nobody before they open a WebSocket to another site.
  const acts = WRITES.has(request.method) || request.header('upgrade') !== undefined;
  if (acts && crossSite((name) => request.header(name), host)) {
    refuse(dialect, { code: 'cross_site_refused' });
    return;
  }

  const tokens = presented?.tokens ?? [];
  const admission = admitted(services, world, request, tokens, listener);
  const admit = admission instanceof Promise ? await admission : admission;
  if (response.gone) return;
  if (!admit.ok) {
    refuse(dialect, admit.fault);
    return;
  }
  const { caller, access } = admit.value;
  const secure = world.secure?.[listener] === true;
  const arrival: Arrival = { world, receivedAtMs, request, response, caller, access, secure };

  switch (endpoint.kind) {
    case 'exchange':
      return requestLife(services, arrival, endpoint);
    case 'models':
    case 'model':
      answerModels(services, arrival, endpoint);
      return;
    case 'socket': {
      const again: AdmitAgain = async () => {
        const now = services.worlds.current;
        const anew = await admitted(services, now, request, tokens, listener);
        return anew.ok ? ok({ world: now, ...anew.value }) : anew;
      };
      return openSocket(services, arrival, endpoint, again);
    }
    case 'api':
      return answerApi(services, arrival);
    case 'wrong_method': {
      refuse(dialect, {
        code: 'method_not_allowed',
        method: request.method,
        path: request.path.slice(0, 255),
        allow: endpoint.allow,
      });
      return;
    }
    case 'upgrade': {
      refuse(dialect, { code: 'upgrade_refused' });
      return;
    }
    case 'unknown': {
      const direct = directEndpoint(arrival, endpoint.dialect);
      if (direct !== undefined) return requestLife(services, arrival, direct);
      refuse(dialect, { code: 'path_unknown', method: request.method, path: request.path.slice(0, 255) });
      return;
    }
    default:
      return unreachable(endpoint);
  }
}

function headerBytes(request: ClientRequest): number {
  let bytes = 0;
  for (const [name, value] of request.headers) bytes += name.length + value.length;
  return bytes;
}

function endpointOf(request: ClientRequest): Endpoint | { kind: 'api' } {
  if (isApiPath(request.path)) return { kind: 'api' };
  return matchEndpoint(request.method, request.path, request.query, (name) => request.header(name));
}

/** Who it is and what they may do, of somebody who may do anything at all now. */
function admitted(
  services: FrontServices,
  world: World,
  request: ClientRequest,
  tokens: readonly string[],
  listener: number,
): Identity | Promise<Identity> {
  // Who may do what is no longer known well enough.
  const maxAgeMs = world.controlMaxAgeMs;
  if (maxAgeMs !== undefined && services.controlAgeMs() > maxAgeMs) {
    const [ageSeconds, limitSeconds] = [Math.floor(services.controlAgeMs() / 1000), maxAgeMs / 1000];
    return failed({ code: 'control_stale', ageSeconds, limitSeconds });
  }
  const known = identified(world, request, tokens, listener);
  return known instanceof Promise ? known.then((found) => inForce(services, found)) : inForce(services, known);
}

function inForce({ killSwitch }: FrontServices, identity: Identity): Identity {
  if (!identity.ok) return identity;
  const { caller, access } = identity.value;
  const revoked = killSwitch.judge(callerSubjects(caller));
  if (revoked !== undefined) return failed(revoked);
  return access.role === undefined ? failed({ code: 'no_role', login: caller.login }) : identity;
}

type Identity = Result<{ caller: Caller; access: CallerAccess }, Fault>;

/** Who it is and what they may do; a promise only where somebody must be looked up. */
function identified(
  world: World,
  request: ClientRequest,
  tokens: readonly string[],
  listener: number,
): Identity | Promise<Identity> {
  const identifier = world.identifiers[listener];
  if (identifier === undefined) return failed({ code: 'no_identity', why: 'this listener has no identity source' });
  const { remoteAddress, headers } = request;
  const answer = identifier.identify({ remoteAddress, headers, tokens });
  return answer instanceof Promise ? answer.then((result) => withAccess(world, result)) : withAccess(world, answer);
}

function withAccess(world: World, result: Result<Caller, Fault>): Identity {
  return result.ok ? ok({ caller: result.value, access: world.access.decide(result.value) }) : result;
}
