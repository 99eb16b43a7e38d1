import type { ExchangeId } from '../contract/ids.ts';
import type { Arrival } from './request-life.ts';
import { sendFault } from './request-life.ts';
import type { FrontServices } from './services.ts';
import type { SocketEndpoint } from './socket-door.ts';

export async function openSession(
  services: FrontServices,
  arrival: Arrival,
  endpoint: SocketEndpoint,
  id: ExchangeId,
): Promise<void> {
  sendFault(services, arrival.response, endpoint.dialect, { code: 'upgrade_refused' }, id);
  await Promise.resolve();
}
