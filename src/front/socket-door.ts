import type { Fault } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import type { Caller } from '../contract/caller.ts';
import type { CallerAccess } from '../access/grants.ts';
import { callerSubjects } from '../access/revocations.ts';
import type { Result } from '../lib/result.ts';
import { unreachable } from '../lib/result.ts';
import type { Endpoint } from '../protocols/registry.ts';
import { visibleModels } from '../routing/plan.ts';
import { openSession } from './realtime-door.ts';
import { sendFault } from './request-life.ts';
import type { Arrival } from './request-life.ts';
import type { FrontServices } from './services.ts';
import { chosenProtocol } from './subprotocol.ts';
import { TurnsSocket } from './turns-socket.ts';
import type { World } from './world.ts';

export type SocketEndpoint = Extract<Endpoint, { kind: 'socket' }>;

/** Who a caller is, and what they may do, as of now. */
export interface Admitted {
  world: World;
  caller: Caller;
  access: CallerAccess;
}

/** Asks again who is there: what holds may have changed since the socket was opened. */
export type AdmitAgain = () => Promise<Result<Admitted, Fault>>;

/** A request for a WebSocket, of a caller who is known and has a role. */
export async function openSocket(
  services: FrontServices,
  arrival: Arrival,
  endpoint: SocketEndpoint,
  again: AdmitAgain,
): Promise<void> {
  const { world, response, access } = arrival;
  const { sockets, state } = services;
  const id = mintExchangeId(arrival.receivedAtMs);
  const refuse = (fault: Fault): void => {
    sendFault(services, response, endpoint.dialect, fault, id);
  };
  if (state.phase === 'ending') {
    refuse({ code: 'draining' });
    return;
  }
  if (sockets.size >= world.limits.concurrent) {
    refuse({ code: 'overloaded', what: 'open WebSockets', limit: world.limits.concurrent });
    return;
  }
  switch (endpoint.of) {
    case 'turns': {
      const allows = (provider: string, model: string): readonly string[] | undefined => access.may(provider, model);
      // Told so, clients fall back to POST, and hear there what they may not use (failure mode 31).
      if (visibleModels(world.routing, allows, endpoint.protocol.compatibility).length === 0) {
        refuse({ code: 'upgrade_refused' });
        return;
      }
      const turns = new TurnsSocket({ services, arrival, endpoint, id, again });
      const socket = response.upgrade(
        {
          protocol: chosenProtocol(arrival.request.header('sec-websocket-protocol')),
          headers: [['x-aperture-request-id', id]],
          maxMessageBytes: world.limits.body_bytes,
        },
        turns,
      );
      if (socket === undefined) {
        refuse({ code: 'upgrade_refused' });
        return;
      }
      turns.opened(socket);
      sockets.add(id, turns, callerSubjects(arrival.caller));
      return;
    }
    case 'session':
      return openSession(services, arrival, endpoint, id);
    default:
      return unreachable(endpoint.of);
  }
}
