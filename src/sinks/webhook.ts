import type { Delivery } from '../contract/delivery.ts';
import type { EgressTarget } from '../contract/egress.ts';
import type { Clock } from '../lib/clock.ts';
import type { Destination } from './destination.ts';
import { signedHeaders } from './signature.ts';

/** A SIEM webhook of the config. */
export interface WebhookSettings {
  /** `webhooks.siem` */
  destination: string;
  target: EgressTarget;
  /** `whsec_…` */
  secret: string;
  timeoutMs: number;
  events: readonly string[];
}

/** Nobody reads what a receiver says beyond its status. */
const ANSWER_BYTES = 1024;

/** Delivers events as JSON, one a request and in order, signed after Standard Webhooks. */
export function createWebhook({ destination, target, secret, timeoutMs }: WebhookSettings, clock: Clock): Destination {
  return {
    name: destination,
    parallel: 1,
    request: (delivery) => {
      const body = bodyOf(delivery);
      return {
        destination,
        target,
        method: 'POST',
        headers: [
          ['content-type', 'application/json'],
          ['user-agent', 'aperture-gateway'],
          ...signedHeaders(secret, delivery.id, clock.nowMs(), body),
        ],
        body,
        totalMs: timeoutMs,
        firstByteMs: timeoutMs,
        answerBytes: ANSWER_BYTES,
      };
    },
  };
}

/** The same bytes at each attempt. The payload is JSON text already. */
function bodyOf({ kind, createdAtMs, sequence, payload }: Delivery): string {
  const timestamp = new Date(createdAtMs).toISOString();
  return `{"type":${JSON.stringify(kind)},"timestamp":"${timestamp}","sequence":${sequence},"data":${payload}}`;
}
