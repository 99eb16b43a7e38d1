import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Delivery } from '../../contract/delivery.ts';
import type { EgressAnswer, EgressRequest, EgressTarget } from '../../contract/egress.ts';
import type { Batch, RequestDestination } from '../destination.ts';
import { logRecordOf } from './logs.ts';
import { destinationOf } from './settings.ts';
import type { OtlpSettings } from './settings.ts';
import { SpanFacts } from './span-facts.ts';
import { spansOf } from './spans.ts';
import { attributes } from './wire.ts';
import type { KeyValue, Resource, Scope } from './wire.ts';

export interface OtlpParts {
  /** Of the gateway. */
  version: string;
  /** Told how much of a request the receiver has taken and thrown away. */
  refused: (destination: string, count: number) => void;
  /** Attributes of prompts and answers by the id of the request, as far as they were kept and may be told. */
  contentOf: (deliveries: Batch, ids: readonly string[]) => Promise<ReadonlyMap<string, KeyValue[]>>;
}

/** A partial success says in few words what was wrong. */
const ANSWER_BYTES = 16 * 1024;

/** With prompts and answers, a request holds no more than these: each may have twice `CONTENT_BYTES`. */
const MOST_WITH_CONTENT = 32;

/** Sends the spans of requests, as `request.span` deliveries have them. */
export function createOtlpTraces(settings: OtlpSettings, target: EgressTarget, parts: OtlpParts): RequestDestination {
  const name = destinationOf(settings, 'traces');
  const { batch, content } = settings;
  return {
    name,
    parallel: 1,
    batch: content ? { ...batch, most: Math.min(batch.most, MOST_WITH_CONTENT) } : batch,
    request: async (deliveries) => {
      const facts = deliveries.map(({ payload }) => SpanFacts.parse(JSON.parse(payload)));
      const ids = facts.map(({ id }) => id);
      const said = content ? await parts.contentOf(deliveries, ids) : new Map<string, KeyValue[]>();
      const resourceSpans = [...new Set(facts.map(({ gateway }) => gateway))].map((gateway) => ({
        resource: resourceOf(settings, parts.version, gateway),
        scopeSpans: [
          {
            scope: scopeOf(parts.version),
            spans: facts
              .filter((each) => each.gateway === gateway)
              .flatMap((each) => spansOf(each, settings.providers, said.get(each.id))),
          },
        ],
      }));
      return otlpRequest(settings, name, target, { resourceSpans });
    },
    taken: (answer) => {
      parts.refused(name, refusedOf(answer));
    },
  };
}

/** Sends events as log records. */
export function createOtlpLogs(settings: OtlpSettings, target: EgressTarget, parts: OtlpParts): RequestDestination {
  const name = destinationOf(settings, 'logs');
  return {
    name,
    parallel: 1,
    batch: settings.batch,
    request: (deliveries) => {
      const logRecords = deliveries.map((delivery: Delivery) => logRecordOf(delivery));
      const resourceLogs = [
        {
          resource: resourceOf(settings, parts.version),
          scopeLogs: [{ scope: scopeOf(parts.version), logRecords }],
        },
      ];
      return otlpRequest(settings, name, target, { resourceLogs });
    },
    taken: (answer) => {
      parts.refused(name, refusedOf(answer));
    },
  };
}

/** Who tells: the config's words come last, and take the place of ours. */
export function resourceOf({ resource }: OtlpSettings, version: string, gateway = ''): Resource {
  return {
    attributes: attributes({
      'service.name': 'aperture-gateway',
      'service.version': version,
      'service.instance.id': gateway,
      ...resource,
    }),
  };
}

export function scopeOf(version: string): Scope {
  return { name: 'aperture', version };
}

export function otlpRequest(
  { headers, timeoutMs, gzip }: OtlpSettings,
  destination: string,
  target: EgressTarget,
  message: unknown,
): EgressRequest {
  const json = JSON.stringify(message);
  return {
    destination,
    target,
    method: 'POST',
    headers: [
      ['content-type', 'application/json'],
      ['accept', 'application/json'],
      ['user-agent', 'aperture-gateway'],
      ...(gzip ? ([['content-encoding', 'gzip']] as const) : []),
      ...headers,
    ],
    body: gzip ? gzipSync(json) : json,
    totalMs: timeoutMs,
    firstByteMs: timeoutMs,
    answerBytes: ANSWER_BYTES,
  };
}

/** 64-bit numbers are text in JSON; some receivers write numbers. */
const Count = z.coerce.number().min(0).catch(0);
const Answer = z.object({
  partialSuccess: z.object({ rejectedSpans: Count, rejectedDataPoints: Count, rejectedLogRecords: Count }),
});

/** What the receiver took and did not keep. It is not to come again: the receiver says that it never can be kept. */
export function refusedOf({ body }: EgressAnswer): number {
  const { data } = Answer.safeParse(parsed(Buffer.from(body).toString('utf8')));
  if (data === undefined) return 0;
  const { rejectedSpans, rejectedDataPoints, rejectedLogRecords } = data.partialSuccess;
  return rejectedSpans + rejectedDataPoints + rejectedLogRecords;
}

/** Some answer with nothing at all. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
