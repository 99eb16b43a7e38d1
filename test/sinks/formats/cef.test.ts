import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cefFormat, extensionValue, headerValue } from '../../../src/sinks/formats/cef.ts';
import { readCef } from '../../support/cef.ts';
import { startTestRsyslog } from '../../support/rsyslog.ts';
import type { TestRsyslog } from '../../support/rsyslog.ts';
import { until } from '../../support/until.ts';
import { delivery, hostile, odd, ofRecord, oneOfEach } from './events.ts';

const format = cefFormat({ version: '9.8.7' });

let rsyslog: TestRsyslog;

beforeAll(async () => {
  rsyslog = await startTestRsyslog();
});

afterAll(() => rsyslog.stop());

/** Characters with a meaning in CEF, in syslog, for terminals and for people who read from right to left. */
const NASTY = 'a|b=c\\d\n<13>1 CEF:0|x|y| cs1=z\r\n\u0000\u001b[31m\u202eläß 日本 \u{1f600} \\n \\= = |';
/** The same as a receiver may have it: line breaks as \n, and nothing that acts. */
const SHOWN = 'a|b=c\\d\n<13>1 CEF:0|x|y| cs1=z\n\ufffd\ufffd[31m\ufffdläß 日本 \u{1f600} \\n \\= = |';

test('a real rsyslog takes the bodies as a relay hands them on, and a parser of CEF has every value back', async () => {
  const deliveries = [...oneOfEach(), ...odd(), ...hostile(NASTY)];
  const [first, ...rest] = deliveries;
  // Half of them as batches are sent, half one by one.
  await rsyslog.send(
    format.write([first!, ...rest.slice(0, 8)]) +
      rest
        .slice(8)
        .map((one) => format.write([one]))
        .join(''),
  );
  const messages = await until(
    'all are written',
    () => {
      const found = rsyslog.messages();
      return found.length >= deliveries.length ? found : undefined;
    },
    30_000,
  );
  expect(messages).toHaveLength(deliveries.length);
  const events = messages.map(({ text }) => readCef(text.trimStart()));
  for (const [index, { id, kind, sequence }] of deliveries.entries()) {
    expect(messages[index]).toMatchObject({ host: 'aperture-gateway', app: 'aperture-gateway', messageId: kind });
    expect(events[index]!.header.slice(0, 4)).toEqual(['Aperture', 'aperture-gateway', '9.8.7', kind]);
    expect(events[index]!.extension).toMatchObject({
      externalId: id,
      cat: kind,
      cn1: String(sequence),
      cn1Label: 'sequence',
    });
  }
  const [closed, denied, verdict] = events;
  expect(messages[0]!.priority).toBe('local0.info');
  expect(Date.parse(messages[0]!.time)).toBe(Date.UTC(2026, 10, 23, 10, 20, 31, 123));
  expect(closed!.extension).toMatchObject({
    suser: 'alice@example.com',
    shost: 'laptop',
    request: '/v1/messages',
    requestMethod: 'POST',
    in: '2048',
    out: '4096',
    outcome: 'success',
    cn2: '200',
    cn2Label: 'status',
    cs1: 'claude-sonnet-4-5',
    cs1Label: 'model',
    cs3: '12345678',
    rt: String(Date.UTC(2026, 10, 23, 10, 20, 31, 123)),
  });
  expect(denied!.extension).toMatchObject({ act: 'denied', outcome: 'failure', reason: 'grant', cn2: '403' });
  expect(verdict!.extension).toMatchObject({ act: 'block', cs3: 'no-cards', cs6: 'card 1', cs6Label: 'matches' });
  expect(events.slice(0, 9).map(({ header }) => header[5])).toEqual(['1', '3', '6', '3', '3', '3', '3', '8', '3']);

  const [request, config, killSwitch, token] = events.slice(-4).map(({ extension }) => extension);
  expect(request).toMatchObject({ suser: SHOWN, requestClientApplication: SHOWN, cs1: SHOWN, shost: SHOWN });
  expect(config).toMatchObject({ suser: SHOWN, reason: SHOWN });
  expect(killSwitch).toMatchObject({ cs2: SHOWN, reason: SHOWN });
  expect(token).toMatchObject({ cs1: SHOWN, cs3: `${SHOWN},${SHOWN}` });
});

test('whatever a value is, an event is one line, and every parser has it back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('|', '\\', '=', '\n', ' ', 'a=', '\r'))),
      (parts) => {
        const text = parts.join('');
        const line = `CEF:0|${[headerValue(text), 'p', 'v', 's', 'n', '1'].join('|')}|msg=${extensionValue(text)} end=1`;
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        const { header, extension } = readCef(line);
        const shown = text
          .split(/\r\n|[\n\r\u0085\u2028\u2029]/)
          .map((part) => part.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}]/gu, '\ufffd'));
        expect(header[0]).toBe(shown.join(' '));
        expect(extension).toEqual({ msg: shown.join('\n'), end: '1' });
      },
    ),
  );
});

test('long values are cut to what a syslog server takes', () => {
  const long = ofRecord('request.closed', {
    login: 'ü'.repeat(5_000),
    user_agent: 'x'.repeat(5_000),
    model: 'm|'.repeat(1_000),
    path: '='.repeat(5_000),
    node_name: '😀'.repeat(2_000),
  });
  const line = format.write([long]);
  expect(Buffer.byteLength(line)).toBeLessThan(8_192);
  expect(readCef(line.slice(line.indexOf('CEF:'), -1)).extension['cs2Label']).toBe('requestId');
  const one = format.write([ofRecord('request.closed', { user_agent: 'x'.repeat(5_000) })]);
  expect(readCef(one.slice(one.indexOf('CEF:'), -1)).extension['requestClientApplication']).toBe(
    `${'x'.repeat(1_022)}…`,
  );
});

test('a kind that no build knew yet is told, too', () => {
  const line = format.write([delivery('ünknown kind|x', { a: 1 })]);
  expect(line).toMatch(/^<134>1 \S+ aperture-gateway aperture-gateway - _nknown_kind\|x - CEF:0\|/);
  expect(readCef(line.slice(line.indexOf('CEF:'), -1)).header[3]).toBe('ünknown kind|x');
});
