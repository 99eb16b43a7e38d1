import { unreachable } from '../../lib/result.ts';
import type { Format, FormatOptions } from './format.ts';
import { apiActivity } from './ocsf-request.ts';
import { detectionFinding } from './ocsf-verdict.ts';
import { baseEvent, entityManagement } from './ocsf-entity.ts';
import { sentenceOf, severityOf } from './sentence.ts';
import { readEvent } from './siem-event.ts';
import type { SiemEvent } from './siem-event.ts';

/** The version of https://schema.ocsf.io that events are written after; test/sinks/formats/ocsf.test.ts has its rules. */
const OCSF_VERSION = '1.8.0';

/** What a class of events has beyond what all have. */
export interface OcsfClass {
  category: readonly [uid: number, name: string];
  class: readonly [uid: number, name: string];
  activity: readonly [id: number, name: string];
  attributes: Readonly<Record<string, unknown>>;
  /** Of the conversation, or of whatever else goes together. */
  correlation?: string;
  unmapped: Readonly<Record<string, unknown>>;
}

const SEVERITIES = { 1: 'Informational', 2: 'Low', 3: 'Medium', 4: 'High' } as const;

/** Open Cybersecurity Schema Framework, without profiles: an object, or a list of them. */
export function ocsfFormat({ version, list }: FormatOptions): Format {
  const write = (event: SiemEvent): unknown => ocsfEvent(event, version);
  return {
    mediaType: 'application/json',
    write: (deliveries) => {
      const events = deliveries.map((delivery) => write(readEvent(delivery)));
      return JSON.stringify(list ? events : events[0]);
    },
  };
}

function ocsfEvent(event: SiemEvent, version: string): Record<string, unknown> {
  const { category, class: of, activity, attributes, correlation, unmapped } = classOf(event);
  const severity = severityOf(event);
  return {
    activity_id: activity[0],
    activity_name: activity[1],
    category_uid: category[0],
    category_name: category[1],
    class_uid: of[0],
    class_name: of[1],
    type_uid: of[0] * 100 + activity[0],
    type_name: `${of[1]}: ${activity[1]}`,
    severity_id: severity,
    severity: SEVERITIES[severity],
    time: Math.round(event.atMs),
    message: sentenceOf(event),
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Aperture gateway', vendor_name: 'Aperture', version },
      uid: event.id,
      sequence: event.sequence,
      event_code: event.kind,
      ...(correlation === undefined || correlation === '' ? {} : { correlation_uid: correlation }),
    },
    ...attributes,
    ...(Object.keys(unmapped).length === 0 ? {} : { unmapped }),
  };
}

function classOf(event: SiemEvent): OcsfClass {
  const { subject } = event;
  switch (subject.about) {
    case 'request':
      return apiActivity(subject.request, event);
    case 'verdict':
      return detectionFinding(subject.found, event);
    case 'quota':
    case 'config':
    case 'token':
    case 'kill_switch':
      return entityManagement(subject, event);
    case 'something':
      return baseEvent(event);
    default:
      return unreachable(subject);
  }
}
