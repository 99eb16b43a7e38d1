import { createHash } from 'node:crypto';
import type { RecordFilter } from '../contract/delivery.ts';
import type { EgressTarget } from '../contract/egress.ts';
import type { Clock } from '../lib/clock.ts';
import type { Batch, Destination } from './destination.ts';
import { createFormat } from './formats/choose.ts';
import type { FormatName } from './formats/format.ts';
import { signedHeaders } from './signature.ts';

/** A SIEM webhook of the config. Holds secrets. */
export interface WebhookSettings {
  /** `webhooks.siem` */
  destination: string;
  target: EgressTarget;
  /** `whsec_…`, the newest first: each signs. None: nothing is signed. */
  secrets: readonly string[];
  /** The header of this name; empty: none is sent. */
  authorization: string;
  format: FormatName;
  /** Kinds of `src/contract/event.ts`. */
  events: readonly string[];
  filter: RecordFilter;
  batch: { most: number; waitMs: number };
  timeoutMs: number;
}

export interface WebhookParts {
  clock: Clock;
  /** Of the gateway. */
  version: string;
}

/** Nobody reads what a receiver says beyond its status. */
const ANSWER_BYTES = 1024;

/** Delivers events in order, in the format that the receiver understands, signed after Standard Webhooks. */
export function createWebhook(settings: WebhookSettings, { clock, version }: WebhookParts): Destination {
  const { destination, target, secrets, authorization, batch, timeoutMs } = settings;
  const format = createFormat(settings.format, { version, list: batch.most > 1 });
  const authorized: [string, string][] = authorization === '' ? [] : [['authorization', authorization]];
  return {
    name: destination,
    parallel: 1,
    batch,
    request: (deliveries) => {
      const body = format.write(deliveries);
      return {
        destination,
        target,
        method: 'POST',
        headers: [
          ['content-type', format.mediaType],
          ['user-agent', 'aperture-gateway'],
          ...authorized,
          ...signedHeaders(secrets, messageIdOf(deliveries), clock.nowMs(), body),
        ],
        body,
        totalMs: timeoutMs,
        firstByteMs: timeoutMs,
        answerBytes: ANSWER_BYTES,
      };
    },
  };
}

/** Of one delivery its own; of several a name that stands for exactly these: who has one of them has seen them all. */
function messageIdOf(deliveries: Batch): string {
  if (deliveries.length === 1) return deliveries[0].id;
  const hash = createHash('sha256');
  for (const { id } of deliveries) hash.update(id);
  return `batch-${hash.digest('hex').slice(0, 32)}`;
}
