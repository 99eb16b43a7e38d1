import type { Delivery } from '../../contract/delivery.ts';
import { extensionOf } from './cef-extension.ts';
import type { Extension } from './cef-extension.ts';
import type { Format, FormatOptions } from './format.ts';
import { sentenceOf, severityOf } from './sentence.ts';
import { readEvent } from './siem-event.ts';

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
/** Syslog counts downwards: 6 informational, 5 notice, 4 warning, 2 critical. */
const SYSLOG_SEVERITIES = { 1: 6, 2: 5, 3: 4, 4: 2 } as const;
/** `local0`: every syslog server knows it, and can route by it. */
const FACILITY = 16;
const APP = 'aperture-gateway';

function lineOf(delivery: Delivery, version: string): string {
  const event = readEvent(delivery);
  const severity = severityOf(event);
  const priority = FACILITY * 8 + SYSLOG_SEVERITIES[severity];
  const time = new Date(event.atMs).toISOString();
  const header = [
    'CEF:0',
    ...['Aperture', APP, version, event.kind, NAMES[event.kind] ?? event.kind].map(headerValue),
    String(SEVERITIES[severity]),
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
  const head = `<${priority}>1 ${time} ${APP} ${APP} - ${messageId(event.kind)} - ${header}|`;
  const line = head + extensionText(extension, VALUE_CHARACTERS);
  return Buffer.byteLength(line) <= LINE_BYTES ? line : head + extensionText(extension, SHORT_VALUE_CHARACTERS);
}

/** As much as ArcSight's dictionary has room for in most of its fields. */
const VALUE_CHARACTERS = 1023;
/** What rsyslog takes of a line where nobody told it more; it cuts the rest. */
const LINE_BYTES = 8 * 1024;
const SHORT_VALUE_CHARACTERS = 100;

/** At most 32 printable characters of ASCII (RFC 5424, section 6.2.7). */
function messageId(kind: string): string {
  return kind.replace(/[^\x21-\x7e]/g, '_').slice(0, 32) || '-';
}

/** Empty values are left out: some parsers take the next key for the value. */
function extensionText(extension: Extension, characters: number): string {
  return extension
    .filter(([, value]) => value !== '' && value !== null)
    .map(([key, value]) => `${key}=${extensionValue(cut(String(value), characters))}`)
    .join(' ');
}

function cut(text: string, characters: number): string {
  if (text.length <= characters) return text;
  // By whole characters: half of a pair is none.
  return `${Array.from(text.slice(0, 2 * characters))
    .slice(0, characters - 1)
    .join('')}…`;
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

/**
 * Characters that act rather than show (terminals, text direction), halves of pairs, and what Unicode has not assigned:
 * relays write lines into files that people look at.
 */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
