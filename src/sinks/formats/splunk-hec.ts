import type { Delivery } from '../../contract/delivery.ts';
import { jsonEvent } from './json.ts';
import { readEvent } from './siem-event.ts';
import type { Format } from './format.ts';

/** One name for the gateway as a whole: whichever process delivers, a repeat is the same text. */
const HOST = 'aperture-gateway';

/** Envelopes of Splunk's HTTP Event Collector, one after the other; `event` is what `json` writes. */
export function splunkHecFormat(): Format {
  return { mediaType: 'application/json', write: (deliveries) => deliveries.map(envelope).join('\n') };
}

function envelope(delivery: Delivery): string {
  const { atMs } = readEvent(delivery);
  const head = JSON.stringify({
    time: Math.round(atMs) / 1000,
    host: HOST,
    source: `aperture:${delivery.destination}`,
    sourcetype: `aperture:${delivery.kind}`,
  });
  return `${head.slice(0, -1)},"event":${jsonEvent(delivery)}}`;
}
