import type { Delivery } from '../../contract/delivery.ts';
import { cefText } from '../formats/cef.ts';
import { createFormat } from '../formats/choose.ts';
import type { FormatName } from '../formats/format.ts';
import { severityOf } from '../formats/sentence.ts';
import { shorter } from '../formats/shorter.ts';
import { readEvent } from '../formats/siem-event.ts';
import { syslogHeader } from '../formats/syslog-header.ts';
import type { Facility } from '../formats/syslog-header.ts';
import { printable } from '../formats/text.ts';

/** How the message behind the header can be written: Splunk's envelope is for its collector alone. */
export const SYSLOG_FORMATS = ['json', 'ocsf', 'ecs', 'cef'] as const satisfies FormatName[];
export type SyslogFormat = (typeof SYSLOG_FORMATS)[number];

export function isSyslogFormat(name: string): name is SyslogFormat {
  return SYSLOG_FORMATS.some((format) => format === name);
}

export interface MessageOptions {
  format: SyslogFormat;
  facility: Facility;
  /** Of a whole message, its header included. */
  most: number;
  /** Whether text that is not ASCII begins with a byte order mark. */
  bom: boolean;
  /** Of the gateway. */
  version: string;
}

/** Writes a delivery as a message of RFC 5424: one line, and always the same for the same delivery. */
export type MessageWriter = (delivery: Delivery) => string;

export function messageWriter(options: MessageOptions): MessageWriter {
  const textOf = textWriter(options);
  return (delivery) => {
    const event = readEvent(delivery);
    const { facility, bom, most } = options;
    const header = syslogHeader(event, severityOf(event), { facility, structured: structuredData(delivery) });
    const whole = (told: Delivery): string => {
      const text = oneLine(textOf(told));
      return header + (bom && !ASCII.test(text) ? BOM : '') + text;
    };
    const fits = (message: string): boolean => Buffer.byteLength(message) <= most;
    let message = whole(delivery);
    if (fits(message)) return message;
    for (const less of shorter(delivery)) {
      message = whole(less);
      if (fits(message)) break;
    }
    return message;
  };
}

const BOM = '\ufeff';
const ASCII = /^[\x20-\x7e]*$/;

function textWriter({ format, version }: MessageOptions): (delivery: Delivery) => string {
  if (format === 'cef') return (delivery) => cefText(readEvent(delivery), version);
  const written = createFormat(format, { version, list: false });
  return (delivery) => written.write([delivery]);
}

/** Line breaks within values are escaped by the formats: what is left stands between them, and means nothing. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}

/**
 * Names of our own need a number of IANA's behind them (RFC 5424, section 7.2.2), and we have none. 32473 is set aside for
 * examples (RFC 5612): it is nobody's, so the name cannot mean something of somebody else's.
 */
const SD_ID = 'aperture@32473';

function structuredData({ id, sequence, kind }: Delivery): string {
  return `[${SD_ID} id="${parameter(id)}" sequence="${sequence}" kind="${parameter(kind)}"]`;
}

/** Section 6.3.3. */
function parameter(value: string): string {
  return printable(value).replace(/["\\\]]/g, '\\$&');
}
