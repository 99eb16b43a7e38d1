import { z } from 'zod';
import type { Delivery } from '../../contract/delivery.ts';
import { spanIdOf, traceIdOf, TraceParent } from '../../contract/trace.ts';
import { sentenceOf, severityOf } from '../formats/sentence.ts';
import type { Severity } from '../formats/sentence.ts';
import { readEvent, without } from '../formats/siem-event.ts';
import type { SiemEvent } from '../formats/siem-event.ts';
import { attributes, nanos } from './wire.ts';
import type { LogRecord } from './wire.ts';

/** The numbers of INFO, INFO2, WARN and ERROR, by how grave an event is. */
const SEVERITIES: Readonly<Record<Severity, readonly [number, string]>> = {
  1: [9, 'INFO'],
  2: [10, 'INFO2'],
  3: [13, 'WARN'],
  4: [17, 'ERROR'],
};

/** An event as a log record: what it is, in a sentence and in attributes, and the span of the request that it is about. */
export function logRecordOf(delivery: Delivery): LogRecord {
  const event = readEvent(delivery);
  const [severityNumber, severityText] = SEVERITIES[severityOf(event)];
  return {
    timeUnixNano: nanos(event.atMs),
    observedTimeUnixNano: nanos(delivery.createdAtMs),
    severityNumber,
    severityText,
    eventName: `aperture.${event.kind}`,
    body: { stringValue: sentenceOf(event) },
    attributes: attributes({
      'aperture.event.id': event.id,
      'aperture.event.sequence': event.sequence,
      ...namedOf(event),
    }),
    ...contextOf(event),
  };
}

/** The payload's members under our name. */
function namedOf({ data }: SiemEvent): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(without(data, ['trace'])).map(([name, member]) => [`aperture.${name}`, member]),
  );
}

function contextOf({ subject, data }: SiemEvent): Pick<LogRecord, 'traceId' | 'spanId' | 'flags'> {
  const id = requestIdOf(subject);
  if (id === undefined) return {};
  const trace = Trace.parse(data['trace']);
  return { traceId: traceIdOf(id, trace), spanId: spanIdOf(id), flags: trace?.flags ?? 1 };
}

const Trace = TraceParent.optional().catch(undefined);
const RequestId = z.uuid();

function requestIdOf(subject: SiemEvent['subject']): string | undefined {
  const id =
    subject.about === 'request' ? subject.request.id : subject.about === 'verdict' ? subject.found.request_id : '';
  return RequestId.safeParse(id).data;
}
