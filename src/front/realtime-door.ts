import { modelSubjects, callerSubjects } from '../access/revocations.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { GOING_AWAY } from '../lib/close-frame.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { Dialed, DialedEvents } from '../proxy/dial-socket.ts';
import { clientResponseHeaders } from '../proxy/headers.ts';
import type { UpstreamFailure } from '../proxy/upstream.ts';
import { planRoute } from '../routing/plan.ts';
import type { Route } from '../routing/plan.ts';
import { NO_FIELDS } from '../protocols/body-scan.ts';
import { RealtimeSocket } from './realtime-socket.ts';
import { reserveQuota } from './quota.ts';
import { sendFault } from './request-life.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { judgeOfAnswers, rulesBefore } from './rules.ts';
import type { FrontServices } from './services.ts';
import type { SocketEndpoint } from './socket-door.ts';
import { chosenProtocol } from './subprotocol.ts';
import { upstreamRequest } from './upstream-request.ts';

const NO_BODY = new Uint8Array(0);
const NOTHING_SCANNED = { original: NO_BODY, decoded: NO_BODY, fields: NO_FIELDS, packed: false, edited: false };

/** As for a name in a body (`body-scan.ts`). */
const MODEL_CHARACTERS = 256;

/** What browsers offer, and the API knows. */
const REALTIME_PROTOCOL = 'realtime';

/**
 * A Realtime session: its model is in the query, so it is judged, routed and charged before there is a socket, and the
 * provider's comes first. What the provider refuses is answered as it was said.
 */
export async function openSession(
  services: FrontServices,
  arrival: Arrival,
  endpoint: SocketEndpoint,
  id: ExchangeId,
): Promise<void> {
  const { response, world } = arrival;
  const refuse = (fault: Fault): void => {
    sendFault(services, response, endpoint.dialect, fault, id);
  };
  const asked = modelOf(arrival.request.query);
  if (!asked.ok) {
    refuse(asked.fault);
    return;
  }
  const model = asked.value;
  const route = sessionRoute(arrival, endpoint, model);
  if (!route.ok) {
    refuse(route.fault);
    return;
  }
  const turns: ExchangeEndpoint = {
    kind: 'exchange',
    protocol: endpoint.protocol,
    dialect: 'openai_socket',
    modelIn: 'path',
    model,
    stream: true,
    upstreamPath: endpoint.upstreamPath,
  };
  const reserving = { scanned: NOTHING_SCANNED, route: route.value, model };
  const admission = await reserveQuota(services.quotas, arrival, turns, id, reserving);
  if (!admission.ok) {
    refuse(admission.fault);
    return;
  }
  const free = (): void => {
    services.quotas.release(id);
  };
  const { provider } = route.value;
  const subjects = [...callerSubjects(arrival.caller), ...modelSubjects(provider.id, [model, route.value.model])];
  const revoked = services.killSwitch.judge(subjects);
  const key = world.keys.authorize(provider, arrival.request.headers);
  if (revoked !== undefined || !key.ok || response.gone) {
    free();
    if (revoked !== undefined) refuse(revoked);
    else if (!key.ok) refuse(key.fault);
    return;
  }

  const request = { ...arrival.request, query: withModel(arrival.request.query, route.value.model) };
  const upstream = upstreamRequest(
    { ...arrival, request },
    turns,
    { ...route.value, rewriteModel: false },
    key.value,
    { body: NO_BODY, decoded: false, usageInjected: false },
    false,
  );
  const protocol = chosenProtocol(arrival.request.header('sec-websocket-protocol'));
  const session = new RealtimeSocket({
    services,
    arrival,
    endpoint: turns,
    id,
    model,
    route: route.value,
    keyId: key.value.keyId,
    quotas: admission.value.quotas,
    subjects,
  });
  const events: DialedEvents = {
    opened: () => {
      const maxMessageBytes = world.limits.body_bytes;
      const headers: [string, string][] = [['x-aperture-request-id', id]];
      const socket = response.upgrade({ protocol, headers, maxMessageBytes }, session);
      if (socket === undefined) {
        free();
        dialed.close(GOING_AWAY, '');
        refuse({ code: 'upgrade_refused' });
        return;
      }
      session.opened(socket, dialed);
      services.sockets.add(id, session, subjects);
    },
    message: (bytes, binary) => {
      session.fromProvider(bytes, binary);
    },
    drained: () => undefined,
    refused: (status, headers, body) => {
      free();
      const plain = clientResponseHeaders(headers);
      response.send(status >= 400 ? status : 502, plain, body);
    },
    failed: (failure) => {
      free();
      refuse(faultOf(failure, provider.id, world.timeouts.connect_ms));
    },
    closed: (code, reason) => {
      session.providerClosed(code, reason);
    },
  };
  const dialed: Dialed = services.dial(upstream, protocol === undefined ? [] : [REALTIME_PROTOCOL], events);
  response.onGone(() => {
    free();
    dialed.close(GOING_AWAY, '');
  });
}

/** Names the model once; a call of the provider's that goes around the gateway is not joined. */
function modelOf(query: string): Result<string, Fault> {
  const parameters = new URLSearchParams(query);
  if (parameters.has('call_id')) {
    return failed({ code: 'bad_parameter', name: 'call_id', why: 'a call that did not begin here cannot be joined' });
  }
  const [model = '', second] = parameters.getAll('model');
  if (second !== undefined) return failed({ code: 'bad_parameter', name: 'model', why: 'stands twice' });
  if (model === '') return failed({ code: 'model_missing' });
  if (model.length > MODEL_CHARACTERS || /\p{Cc}/u.test(model)) {
    return failed({ code: 'bad_parameter', name: 'model', why: 'is no name of a model' });
  }
  return ok(model);
}

function sessionRoute(arrival: Arrival, { protocol }: SocketEndpoint, model: string): Result<Route, Fault> {
  const { compatibility, api } = protocol;
  const allows = (provider: string, name: string): readonly string[] | undefined => arrival.access.may(provider, name);
  const routed = planRoute({ model, compatibility, api, providers: arrival.world.routing, allows });
  if (!routed.ok) return routed;
  const rule = rulesBefore(arrival, routed.value)[0]?.name ?? judgeOfAnswers(arrival, routed.value);
  // Sound cannot be judged: a rule that looks at this model's requests or answers would be gone around.
  if (rule === undefined) return routed;
  const what = `the rule "${rule}" applies to this model, and rules cannot judge a Realtime session`;
  return failed({ code: 'forbidden', what });
}

function withModel(query: string, model: string): string {
  return query
    .split('&')
    .map((part) => (/^model=/.test(part) ? `model=${encodeURIComponent(model)}` : part))
    .join('&');
}

function faultOf({ kind, why }: UpstreamFailure, provider: string, connectMs: number): Fault {
  switch (kind) {
    case 'connect_timeout':
      return { code: 'upstream_timeout', provider, phase: 'connect', afterMs: connectMs };
    case 'unreachable':
    case 'broken':
      return { code: 'upstream_unreachable', provider, why };
    case 'invalid':
      return { code: 'upstream_invalid', provider, why };
    default:
      return unreachable(kind);
  }
}
