import type { Delivery } from '../../contract/delivery.ts';
import { extensionOf } from './cef-extension.ts';
import type { Extension } from './cef-extension.ts';
import type { Format, FormatOptions } from './format.ts';
import { sentenceOf, severityOf } from './sentence.ts';
import { readEvent } from './siem-event.ts';
import type { SiemEvent } from './siem-event.ts';
import { APP, DEFAULT_FACILITY, syslogHeader } from './syslog-header.ts';
import { cutText, printable } from './text.ts';

/**
 * ArcSight's Common Event Format, one event a line, each behind an RFC 5424 header: what gets the body can hand its lines
 * to any syslog relay as they are, and a relay that gets no header makes one up, with its own time.
 */
export function cefFormat({ version }: Pick<FormatOptions, 'version'>): Format {
  return {
    mediaType: 'text/plain; charset=utf-8',
    write: (deliveries) => deliveries.map((delivery) => `${lineOf(delivery, version)}\n`).join(''),
  };
}

/** By what happened, and not by how it is told: `Request closed`. */
const NAMES: Readonly<Record<string, string>> = {
  'request.closed': 'Request closed',
  'request.denied': 'Request denied',
  'guardrail.verdict': 'Guardrail verdict',
  'quota.crossed': 'Quota crossed',
  'config.changed': 'Configuration changed',
  'token.created': 'Token created',
  'token.revoked': 'Token revoked',
  kill_switch: 'Kill switch',
};

/** CEF counts from 0 to 10: 0 to 3 low, 4 to 6 medium, 7 and 8 high. */
const SEVERITIES = { 1: 1, 2: 3, 3: 6, 4: 8 } as const;

function lineOf(delivery: Delivery, version: string): string {
  const event = readEvent(delivery);
  const head = syslogHeader(event, severityOf(event), { facility: DEFAULT_FACILITY, structured: '-' });
  const line = head + cefText(event, version);
  return Buffer.byteLength(line) <= LINE_BYTES ? line : head + cefText(event, version, SHORT_VALUE_CHARACTERS);
}

/** The event without the header of syslog; values are cut at so many characters. */
export function cefText(event: SiemEvent, version: string, valueCharacters = VALUE_CHARACTERS): string {
  const header = [
    'CEF:0',
    ...['Aperture', APP, version, event.kind, NAMES[event.kind] ?? event.kind].map(headerValue),
    String(SEVERITIES[severityOf(event)]),
  ].join('|');
  const extension: Extension = [
    ['externalId', event.id],
    ['cn1', event.sequence],
    ['cn1Label', 'sequence'],
    ['cat', event.kind],
    ['rt', Math.round(event.atMs)],
    ...extensionOf(event),
    ['msg', sentenceOf(event)],
  ];
  return `${header}|${extensionText(extension, valueCharacters)}`;
}

/** As much as ArcSight's dictionary has room for in most of its fields. */
const VALUE_CHARACTERS = 1023;
/** What rsyslog takes of a line where nobody told it more; it cuts the rest. */
const LINE_BYTES = 8 * 1024;
const SHORT_VALUE_CHARACTERS = 100;

/** Empty values are left out: some parsers take the next key for the value. */
function extensionText(extension: Extension, characters: number): string {
  return extension
    .filter(([, value]) => value !== '' && value !== null)
    .map(([key, value]) => `${key}=${extensionValue(cutText(String(value), characters))}`)
    .join(' ');
}

/** In a header `|` and `\` are escaped, and there are no line breaks. */
export function headerValue(text: string): string {
  return printable(text.replace(LINE_BREAKS, ' ')).replace(/[\\|]/g, '\\$&');
}

/** In an extension `=` and `\` are escaped, and line breaks written as `\n`. A `|` stands as it is. */
export function extensionValue(text: string): string {
  return text
    .split(LINE_BREAKS)
    .map((line) => printable(line).replace(/[\\=]/g, '\\$&'))
    .join('\\n');
}

const LINE_BREAKS = /\r\n|[\n\r\u0085\u2028\u2029]/g;
