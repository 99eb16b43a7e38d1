import { z } from 'zod';
import { EVENT_KINDS } from '../../src/contract/event.ts';
import { DEFAULT_FACILITY, FACILITIES } from '../../src/sinks/formats/syslog-header.ts';
import { FRAMINGS } from '../../src/sinks/syslog/framing.ts';
import { SYSLOG_FORMATS } from '../../src/sinks/syslog/message.ts';
import { duration, size } from './fields.ts';
import { tellFilter } from './webhooks.ts';

const file = (meaning: string) => z.string().min(1, { error: 'is empty' }).exactOptional().describe(meaning);

/** `config/syslog.ts` says what is wrong with the address and the names in it. */
export const SyslogConfig = z.strictObject({
  address: z
    .string()
    .default('')
    .describe('Host and port, such as "siem.example:6514"; addresses that are not public within server.egress.allow'),
  tls: z
    .union(
      [
        z.boolean(),
        z.strictObject({
          ca_file: file(
            'PEM file of the authorities that are trusted, in place of the public ones and server.egress.ca_file',
          ),
          server_name: file("The name that the certificate has to have, where it is not the address's"),
          cert_file: file('PEM file of a certificate of the gateway, for receivers that ask for one'),
          key_file: file('PEM file of its key'),
        }),
      ],
      { error: 'is neither true nor false nor an object of ca_file, server_name, cert_file and key_file' },
    )
    .default(true)
    .describe('TLS, with a certificate that is checked; false: anybody on the way may read it'),
  plain_tcp: z
    .boolean()
    .default(false)
    .describe('With "tls": false: also to a public address, where anybody may read it'),
  format: z
    .string()
    .default('json')
    .describe(`How the message is written: ${SYSLOG_FORMATS.join(', ')}`),
  facility: z.enum(FACILITIES).default(DEFAULT_FACILITY).describe("Of every message; the severity is the event's"),
  framing: z
    .enum(FRAMINGS)
    .default('octet_counting')
    .describe('What shows where a message ends: its length before it, or, without TLS, a line break behind it'),
  message_bytes: size('2KiB', '1MiB')
    .prefault('8KiB')
    .describe('A message that would be longer is told in short: what the receiver takes, 8 KiB in rsyslog'),
  bom: z
    .boolean()
    .default(false)
    .describe('Whether text beyond ASCII begins with a byte order mark, as RFC 5424 has it'),
  events: z
    .array(z.string())
    .default(['request.closed'])
    .describe(`What is told: ${EVENT_KINDS.join(', ')}; "*": all`),
  filter: tellFilter(),
  batch: z
    .strictObject({
      most: z.int().min(1).max(1000).default(100).describe('Messages that are written at once'),
      wait: duration('0', '1m').prefault('0').describe('How long the first event waits for more to go with it'),
    })
    .prefault({})
    .describe('Several messages at once; what the receiver gets is the same'),
  timeout: duration('100ms', '1m').prefault('10s').describe('How long the receiver may take to take what is written'),
});
export type SyslogConfig = z.output<typeof SyslogConfig>;
