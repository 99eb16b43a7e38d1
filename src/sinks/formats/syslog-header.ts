import type { SiemEvent } from './siem-event.ts';
import type { Severity } from './sentence.ts';

/**
 * One name for the gateway as a whole, as host and as application: whichever process sends it, and however often, an event
 * is the same text.
 */
export const APP = 'aperture-gateway';

/** By the number that a priority is made of (RFC 5424, section 6.2.1). */
export const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;
export type Facility = (typeof FACILITIES)[number];

/** Every syslog server knows it, and can route by it. */
export const DEFAULT_FACILITY: Facility = 'local0';

/** Syslog counts downwards: 6 informational, 5 notice, 4 warning, 2 critical. */
const SEVERITIES = { 1: 6, 2: 5, 3: 4, 4: 2 } as const;

/** What stands before a message of RFC 5424, up to its structured data and the space behind it. */
export function syslogHeader(
  event: SiemEvent,
  severity: Severity,
  { facility, structured }: { facility: Facility; structured: string },
): string {
  const priority = FACILITIES.indexOf(facility) * 8 + SEVERITIES[severity];
  const time = new Date(event.atMs).toISOString();
  return `<${priority}>1 ${time} ${APP} ${APP} - ${messageId(event.kind)} ${structured} `;
}

/** At most 32 printable characters of ASCII (RFC 5424, section 6.2.7). */
function messageId(kind: string): string {
  return kind.replace(/[^\x21-\x7e]/g, '_').slice(0, 32) || '-';
}
