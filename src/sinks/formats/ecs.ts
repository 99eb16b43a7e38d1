import { unreachable } from '../../lib/result.ts';
import type { Format, FormatOptions } from './format.ts';
import { sentenceOf, severityOf } from './sentence.ts';
import { readEvent, tookMsOf, without } from './siem-event.ts';
import type { RequestTold, SiemEvent, VerdictTold } from './siem-event.ts';

/** The version of the Elastic Common Schema that events are written after. */
const ECS_VERSION = '8.17.0';

const NANOSECONDS_PER_MS = 1_000_000;

/** What differs between kinds of events. */
interface EcsParts {
  event: {
    kind: 'event' | 'alert';
    category: readonly string[];
    type: readonly string[];
    outcome: 'success' | 'failure' | 'unknown';
    [name: string]: unknown;
  };
  fields: Readonly<Record<string, unknown>>;
  /** Of the payload: what no field of the schema has. */
  rest: Readonly<Record<string, unknown>>;
}

/** Elastic Common Schema: a document, or several as lines of NDJSON. What is ours stands under `aperture`. */
export function ecsFormat({ version, list }: FormatOptions): Format {
  return {
    mediaType: list ? 'application/x-ndjson' : 'application/json',
    write: (deliveries) => {
      const documents = deliveries.map((delivery) => JSON.stringify(ecsEvent(readEvent(delivery), version)));
      return list ? documents.map((line) => `${line}\n`).join('') : documents.join('');
    },
  };
}

function ecsEvent(event: SiemEvent, version: string): Record<string, unknown> {
  const { event: own, fields, rest } = partsOf(event);
  return {
    '@timestamp': new Date(event.atMs).toISOString(),
    ecs: { version: ECS_VERSION },
    message: sentenceOf(event),
    event: {
      id: event.id,
      sequence: event.sequence,
      action: event.kind,
      module: 'aperture',
      dataset: 'aperture.events',
      severity: severityOf(event),
      ...own,
    },
    observer: { vendor: 'Aperture', product: 'aperture-gateway', type: 'ai-gateway', version },
    ...fields,
    aperture: rest,
  };
}

function partsOf(event: SiemEvent): EcsParts {
  const { subject, data } = event;
  switch (subject.about) {
    case 'request':
      return requestParts(subject.request, data);
    case 'verdict':
      return verdictParts(subject.found, data);
    case 'quota':
      return {
        event: { kind: 'alert', category: ['api'], type: ['info'], outcome: 'unknown' },
        fields: {},
        rest: { quota: without(data, ['at']) },
      };
    case 'config':
      return {
        event: { kind: 'event', category: ['configuration'], type: ['change'], outcome: 'success' },
        fields: whoFields(subject.config.by),
        rest: { config: without(data, ['at', 'by']) },
      };
    case 'token': {
      const type = event.kind === 'token.revoked' ? 'deletion' : 'creation';
      return {
        event: { kind: 'event', category: ['iam'], type: ['admin', type], outcome: 'success' },
        fields: whoFields(subject.token.by),
        rest: { token: without(data, ['at', 'by']) },
      };
    }
    case 'kill_switch':
      return {
        event: {
          kind: 'alert',
          category: ['iam'],
          type: ['admin', 'change'],
          outcome: 'success',
          ...(subject.entry.reason === '' ? {} : { reason: subject.entry.reason }),
        },
        fields: whoFields(subject.entry.by),
        rest: { kill_switch: without(data, ['at', 'by', 'reason']) },
      };
    case 'something':
      return {
        event: { kind: 'event', category: ['api'], type: ['info'], outcome: 'unknown' },
        fields: {},
        rest: { data },
      };
    default:
      return unreachable(subject);
  }
}

const REQUEST_PLACED = ['login', 'user_agent', 'method', 'path', 'status', 'request_bytes', 'response_bytes'];

function requestParts(request: RequestTold, data: SiemEvent['data']): EcsParts {
  const { state, denied_by, error, method, path, user_agent } = request;
  const refused = state === 'denied' || state === 'blocked';
  const tookMs = tookMsOf(request);
  const why = denied_by ?? error;
  return {
    event: {
      kind: 'event',
      category: ['api'],
      type: refused ? ['access', 'denied'] : ['access', 'allowed', 'end'],
      outcome: outcomeOf(state),
      ...(request.received_at === null ? {} : { start: request.received_at }),
      ...(request.ended_at === null ? {} : { end: request.ended_at }),
      ...(tookMs === undefined ? {} : { duration: Math.round(tookMs * NANOSECONDS_PER_MS) }),
      ...(why === null ? {} : { reason: why }),
    },
    fields: {
      ...whoFields(request.login),
      ...(error === null ? {} : { error: { code: error } }),
      http: {
        request: {
          id: request.id,
          ...(method === '' ? {} : { method }),
          body: { bytes: request.request_bytes },
        },
        response: { status_code: request.status, body: { bytes: request.response_bytes } },
      },
      ...(path === '' ? {} : { url: { path } }),
      ...(user_agent === '' ? {} : { user_agent: { original: user_agent } }),
    },
    rest: { request: without(data, REQUEST_PLACED) },
  };
}

function outcomeOf(state: string): EcsParts['event']['outcome'] {
  if (state === 'complete') return 'success';
  return state === 'aborted' || state === 'interrupted' ? 'unknown' : 'failure';
}

function verdictParts({ login, request_id, verdict }: VerdictTold, data: SiemEvent['data']): EcsParts {
  const denied = verdict.action === 'block' && !verdict.shadow;
  return {
    event: {
      kind: 'alert',
      category: ['intrusion_detection'],
      type: [denied ? 'denied' : 'info'],
      outcome: verdict.action === 'error' ? 'failure' : 'success',
      ...(verdict.error === null ? {} : { reason: verdict.error }),
    },
    fields: {
      ...whoFields(login),
      rule: { name: verdict.rule, ...(verdict.type === '' ? {} : { category: verdict.type }) },
      http: { request: { id: request_id } },
    },
    rest: { guardrail: without(data, ['login', 'at']) },
  };
}

function whoFields(login: string): Record<string, unknown> {
  return login === '' ? {} : { user: { name: login }, related: { user: [login] } };
}
