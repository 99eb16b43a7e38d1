import type { Delivery } from '../../contract/delivery.ts';
import type { Format, FormatOptions } from './format.ts';

/** Our own words: an event as an object, or `{"events": […]}`. The payload is JSON text already. */
export function jsonFormat({ list }: Pick<FormatOptions, 'list'>): Format {
  return {
    mediaType: 'application/json',
    write: (deliveries) => (list ? `{"events":[${deliveries.map(jsonEvent).join(',')}]}` : jsonEvent(deliveries[0])),
  };
}

export function jsonEvent({ id, kind, createdAtMs, sequence, payload }: Delivery): string {
  const timestamp = new Date(createdAtMs).toISOString();
  return `{"id":${JSON.stringify(id)},"type":${JSON.stringify(kind)},"timestamp":"${timestamp}","sequence":${sequence},"data":${payload}}`;
}
