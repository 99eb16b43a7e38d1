import type { EgressTarget } from '../src/contract/egress.ts';
import type { OtlpProvider } from '../src/sinks/otlp/names.ts';
import { isSignal, SIGNALS } from '../src/sinks/otlp/settings.ts';
import type { OtlpSettings, Signal } from '../src/sinks/otlp/settings.ts';
import { readTarget } from '../src/sinks/target.ts';
import { readBaseUrl } from './base-url.ts';
import { errorAt, shown, shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import type { Config } from './schema.ts';
import type { OtlpConfig } from './schema/otlp.ts';
import { valueAt } from './value-at.ts';
import { eventFindings, eventsOf, filterFindings, HEADER_VALUE } from './webhooks.ts';

const SECTION: Path = ['exporters', 'otlp'];
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What the gateway says itself of the message and the connection. */
const OWN_HEADERS = new Set([
  'accept',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is wrong with `exporters.otlp`, which is a section of ours: so these are errors. Never quotes a header's value. */
export function otlpFindings(config: Config, written: unknown): Finding[] {
  return Object.entries(config.exporters.otlp).flatMap(([name, exporter]) => {
    const path = [...SECTION, name];
    return [
      ...endpointFindings(path, exporter, valueAt(written, [...path, 'endpoint'])),
      ...headerFindings(path, exporter),
      ...signalFindings(path, exporter),
      ...eventFindings(path, exporter.events),
      ...filterFindings(path, withSpans(exporter)),
      ...contentFindings(path, exporter, config),
      ...resourceFindings(path, exporter),
    ].map((finding) => ({ ...finding, message: `otlp ${name}: ${finding.message}` }));
  });
}

/** A filter has to do where traces are exported, whatever logs tell. */
function withSpans(exporter: OtlpConfig): Pick<OtlpConfig, 'filter' | 'events'> {
  const { filter, events, signals } = exporter;
  return { filter, events: signals.includes('traces') ? ['*'] : events };
}

function endpointFindings(path: Path, { endpoint, plain_http }: OtlpConfig, written: unknown): Finding[] {
  const at = [...path, 'endpoint'];
  const quoted = typeof written === 'string' ? shownUrl(written) : '';
  const target = readTarget(endpoint, plain_http);
  if (!target.ok) return [errorAt(at, `the endpoint "${quoted}" ${target.fault}`)];
  if (target.value.path.includes('?')) return [errorAt(at, `the endpoint "${quoted}" must not hold a query`)];
  if (SIGNALS.some((signal) => endpoint.replace(/\/+$/, '').endsWith(pathOf(signal)))) {
    return [errorAt(at, `the endpoint "${quoted}" is that of one signal: write what stands before /v1/`)];
  }
  return [];
}

function headerFindings(path: Path, { headers }: OtlpConfig): Finding[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const at = [...path, 'headers', name];
    if (!HEADER_NAME.test(name)) return [errorAt(at, `"${shown(name)}" is not the name of a header`)];
    if (OWN_HEADERS.has(name.toLowerCase())) return [errorAt(at, `the header "${name}" is set by the gateway itself`)];
    if (HEADER_VALUE.test(value)) return [];
    return [
      errorAt(at, `the header "${name}" has no value that a header can have: printable ASCII, no space at its ends`),
    ];
  });
}

function signalFindings(path: Path, { signals }: OtlpConfig): Finding[] {
  if (signals.length === 0) return [errorAt([...path, 'signals'], 'no signal is named')];
  return signals.flatMap((signal, index) =>
    isSignal(signal)
      ? []
      : [errorAt([...path, 'signals', index], `the signal "${shown(signal)}" is not one of ${SIGNALS.join(', ')}`)],
  );
}

function contentFindings(path: Path, { content, signals }: OtlpConfig, { database }: Config): Finding[] {
  if (!content) return [];
  const why = signals.includes('traces')
    ? database.retention.duration === 0 && 'nothing of prompts and answers is kept (database.retention.duration is "0")'
    : 'prompts and answers stand in traces, which are not exported';
  if (why === false) return [];
  const message = `"content" does nothing: ${why}`;
  return [{ severity: 'warning', path: [...path, 'content'], atKey: false, message, advisory: true }];
}

function resourceFindings(path: Path, { resource }: OtlpConfig): Finding[] {
  return '' in resource ? [errorAt([...path, 'resource'], 'an attribute has no name')] : [];
}

function pathOf(signal: Signal): string {
  return `/v1/${signal}`;
}

/** What the deliveries thread is told of them. */
export function otlpOf(config: Config): OtlpSettings[] {
  return Object.entries(config.exporters.otlp).map(([name, exporter]) => ({
    name,
    targets: targetsOf(exporter),
    headers: Object.entries(exporter.headers).map(([header, value]) => [header.toLowerCase(), value] as const),
    events: eventsOf(exporter),
    filter: exporter.filter,
    content: exporter.content && config.database.retention.duration !== 0,
    resource: exporter.resource,
    batch: { most: exporter.batch.most, waitMs: exporter.batch.wait },
    intervalMs: exporter.interval,
    timeoutMs: exporter.timeout,
    gzip: exporter.compression === 'gzip',
    providers: serversOf(config),
  }));
}

function targetsOf({ endpoint, signals, plain_http }: OtlpConfig): Partial<Record<Signal, EgressTarget>> {
  const targets: Partial<Record<Signal, EgressTarget>> = {};
  for (const signal of SIGNALS.filter((each) => signals.includes(each))) {
    const target = readTarget(endpoint.replace(/\/+$/, '') + pathOf(signal), plain_http);
    if (target.ok) targets[signal] = target.value;
  }
  return targets;
}

/** Where each provider is; one that cannot be reached is nowhere. */
function serversOf({ providers }: Config): Record<string, OtlpProvider> {
  return Object.fromEntries(
    Object.entries(providers).flatMap(([id, { baseurl }]): [string, OtlpProvider][] => {
      const base = readBaseUrl(baseurl);
      if (!base.ok) return [];
      const { hostname, port, protocol } = new URL(base.value);
      return [
        [
          id,
          {
            address: hostname.replace(/^\[|\]$/g, ''),
            port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
          },
        ],
      ];
    }),
  );
}
